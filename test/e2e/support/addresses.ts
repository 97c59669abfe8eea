/** The network of the node's own namespace. Nothing outside of the namespace sees these addresses. */
export const NODE_NAME = 'e2e-node';
/** The address of the node, and of the API server and the object store, which run on it beside the pods. */
export const NODE_ADDRESS = '10.254.0.1';
export const POD_RANGE = '10.244.0.0/16';
export const SERVICE_RANGE = '10.96.0.0/16';
