import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { noCircles, noUnusedExports, plainWords, pureImports } from './scripts/lint-rules.mjs';

/**
 * Which room may import which. The picture is in docs/decisions/0001-rooms.md: imports go one way, and admission,
 * controllers and agent never see each other.
 */
const rooms = {
  lib: [],
  contract: ['lib'],
  explanation: ['lib', 'contract'],
  kube: ['lib', 'contract'],
  certificates: ['lib', 'contract', 'kube'],
  admission: ['lib', 'contract', 'kube', 'certificates'],
  controllers: ['lib', 'contract', 'kube'],
  page: ['lib', 'contract', 'explanation', 'kube'],
  manager: ['lib', 'contract', 'kube', 'certificates', 'admission', 'controllers', 'page'],
  agent: ['lib', 'contract'],
  development: ['lib', 'contract', 'kube'],
  cli: [
    ...['lib', 'contract', 'explanation', 'kube', 'certificates', 'admission', 'controllers'],
    ...['manager', 'agent', 'development'],
  ],
};

const importZones = Object.entries(rooms).map(([room, mayImport]) => ({
  target: `./src/${room}`,
  from: './src',
  except: [room, ...mayImport].map((name) => `./${name}`),
  message: `src/${room} may import only: ${['itself', ...mayImport].join(', ')}`,
}));

/** Where only pure decisions are: data in, a decision with its reasons out. */
const PURE = ['src/contract/**/*.ts', 'src/**/*.decide.ts'];
/** The few files of lib that act: everything else there is pure, too. */
const EFFECTS_OF_LIB = [
  ...['broken-pipe', 'breather', 'connection-room', 'deadline', 'interruption', 'key-timers', 'listen'],
  ...['package-files', 'plain-server', 'requests-in-advance', 'slow-senders', 'system-clock', 'token-bucket'],
];

const house = {
  rules: {
    'pure-imports': pureImports(EFFECTS_OF_LIB),
    'no-circles': noCircles(),
    'plain-words': plainWords(),
    'no-unused-exports': noUnusedExports(import.meta.dirname),
  },
};

/** The effects that must not appear in a pure decision. */
const effects = [
  'node:fs',
  'node:fs/promises',
  'node:http',
  'node:https',
  'node:net',
  'node:tls',
  'node:child_process',
  'node:process',
  'pino',
  'express',
  '@kubernetes/client-node',
  'undici',
];

export default tseslint.config(
  { ignores: ['dist', 'dist.new-*', 'dist-image', 'node_modules', 'coverage'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', 'bench/**/*.mts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    // Without this the plugin's fallback takes the npm package `node`, our runtime, for its resolver of that name.
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js', '.mjs', '.cjs'] })],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones: importZones }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // With verbatimModuleSyntax, `import { type X }` stays in the output as an import, and loads its module.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // There are no classes but errors: what looks like a method is a closure and needs no `this`.
      '@typescript-eslint/unbound-method': 'off',
      'max-lines': ['error', { max: 350 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: [...PURE, 'src/lib/*.ts'],
    ignores: EFFECTS_OF_LIB.map((name) => `src/lib/${name}.ts`),
    rules: {
      'no-restricted-imports': ['error', { paths: effects }],
      'no-restricted-globals': ['error', 'process', 'console', 'fetch', 'setTimeout', 'setInterval'],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'a decision has no clock: take the time as a parameter',
        },
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'a decision has no clock: take the time as a parameter',
        },
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: 'a decision has no dice: take random numbers as a parameter',
        },
      ],
    },
  },
  {
    // The wall clock may be set, on or back, at any moment. Certificates end by it all the same.
    files: ['src/**/*.ts'],
    ignores: [...PURE, 'src/lib/*.ts', 'src/certificates/*.ts', 'src/page/browser/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "BinaryExpression[operator=/^(-|[<>]=?)$/] > CallExpression[callee.property.name='now'][callee.object.name!='performance']",
          message: 'the wall clock may step: measure spans and deadlines by clock.monotonic()',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'take the time from the clock that is passed in',
        },
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'take the time from the clock that is passed in',
        },
      ],
    },
  },
  {
    files: PURE,
    plugins: { house },
    rules: { 'house/pure-imports': 'error' },
  },
  {
    // A circle of types is a circle for the reader: neither file can be understood first.
    files: ['src/**/*.ts'],
    plugins: { house },
    rules: { 'house/no-circles': 'error', 'house/no-unused-exports': 'error', 'house/plain-words': 'error' },
  },
  {
    files: ['src/agent/**/*.ts'],
    ignores: ['src/agent/**/*.decide.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: ['@kubernetes/client-node'] }] },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      // client-node declares its plain data as classes; object literals are what everyone passes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'bench/**/*.mts', 'image/**/*.ts', 'reference/**/*.ts'],
    plugins: { house },
    rules: { 'house/plain-words': ['error', { titles: true }] },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'URL', 'performance', 'setTimeout', 'setInterval', 'clearInterval'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
);
