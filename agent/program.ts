import { join } from 'node:path';

/** The file to start the agent's parts with: `main.ts` in the sources; in the built agent, the single file. */
export const program = import.meta.filename.endsWith('.ts')
  ? join(import.meta.dirname, 'main.ts')
  : import.meta.filename;
