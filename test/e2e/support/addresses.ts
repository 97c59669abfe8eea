/** The network of the node's own namespace; nothing outside of it ever sees these. */
export const NODE_NAME = 'e2e-node';
/** Of the node and of what runs on it beside the pods: the API server, the object store. */
export const NODE_ADDRESS = '10.254.0.1';
export const POD_RANGE = '10.244.0.0/16';
export const SERVICE_RANGE = '10.96.0.0/16';
