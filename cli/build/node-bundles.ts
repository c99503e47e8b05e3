import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

/** The validator's messages in fifty languages are a third of the bundle, and unused. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
      loader: 'js',
    }));
  },
};

/**
 * Bundles for Node that run without this repository. Names are kept for readable stack traces, and lines are short
 * enough to be printed. No absolute path is included, so builds are reproducible in any directory.
 */
const shared = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 200,
  legalComments: 'none',
  metafile: true,
  preserveSymlinks: true,
  logLevel: 'warning',
  define: { STACKFERRY_BUILT: 'true' },
  plugins: [englishOnly],
  // CommonJS modules load Node's own by `require`.
  banner: {
    js: `import { createRequire as stackferryRequire } from 'node:module';\nconst require = stackferryRequire(import.meta.url);`,
  },
} satisfies BuildOptions;

export interface Built {
  /** Every bundled module, relative to the project. */
  inputs: string[];
}

/** Bundles agent or relay into one file, including the programs it starts. */
export async function bundleProgram(root: string, entry: string, outfile: string): Promise<Built> {
  return inputsOf(await build({ ...shared, absWorkingDir: root, entryPoints: [entry], outfile }));
}

/**
 * Bundles the command line in chunks, so that `--version` loads no more than it needs. Agent and relay are not
 * included: they are files of their own beside it. Miniflare, which `serve` runs on, stays a package.
 */
export async function bundleCommandLine(root: string, outdir: string): Promise<Built> {
  const built = await build({
    ...shared,
    absWorkingDir: root,
    entryPoints: ['cli/main.ts'],
    outdir,
    splitting: true,
    chunkNames: '[name]-[hash]',
    external: ['miniflare'],
    plugins: [...shared.plugins, programsBeside],
  });
  return inputsOf(built);
}

const programsBeside: Plugin = {
  name: 'programs-beside',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/(agent|relay)\/main\.ts$/ }, ({ path }) => ({
      path: path.includes('/agent/') ? '../agent.js' : '../relay.js',
      external: true,
    }));
  },
};

function inputsOf({ metafile }: { metafile: Metafile }): Built {
  return { inputs: Object.keys(metafile.inputs) };
}
