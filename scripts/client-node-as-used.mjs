/**
 * Says of client-node's modules that only what is used of them is needed, which its package.json does not: 5 MiB of
 * generated clients stay out. All that its modules do when they are loaded is to define their exports.
 */
export const clientNodeAsUsed = {
  name: 'client-node-as-used',
  setup(builder) {
    builder.onResolve({ filter: /^(@kubernetes\/client-node$|\.)/ }, async (asked) => {
      const { path, pluginData, importer, namespace, resolveDir, kind } = asked;
      if (pluginData === 'resolving' || !`${importer}/${path}`.includes('@kubernetes/client-node'))
        return undefined;
      const found = await builder.resolve(path, {
        ...{ importer, namespace, resolveDir, kind },
        pluginData: 'resolving',
      });
      return found.errors.length > 0 ? found : { path: found.path, sideEffects: false };
    });
  },
};
