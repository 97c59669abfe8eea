import { readFileSync } from 'node:fs';

/** What undici's index loads at once and a program that only makes requests does not use: `fetch`, mocks, caches and the like. */
const UNUSED = /require\('\.\/lib\/(web|mock|interceptor|cache)\/[^']+'\)/g;
/** Stands for each of them: whatever the index makes of it when it is loaded is this again. */
const NOTHING = 'const nothing = new Proxy(function () {}, { get: () => nothing });\n';

/** Leaves two thirds of undici out. `fetch` also makes request bodies of FormData, which no request of ours has. */
export const undiciAsUsed = {
  name: 'undici-as-used',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]undici[\\/]index\.js$/ }, ({ path }) => ({
      contents: NOTHING + readFileSync(path, 'utf8').replaceAll(UNUSED, 'nothing'),
      loader: 'js',
    }));
    onLoad({ filter: /[\\/]undici[\\/]lib[\\/]web[\\/]/ }, () => ({
      contents: 'module.exports = undefined;',
      loader: 'js',
    }));
  },
};
