/**
 * The one thing that commands load of client-node when they run. Loaded through here, a bundle has that and not the
 * whole of the package's generated clients: an `import()` of the package itself would keep them all.
 */
export { KubeConfig } from '@kubernetes/client-node';
