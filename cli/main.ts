import { enableCompileCache } from 'node:module';
import { agentVersion } from '../node/version.ts';
import { cacheDir } from './local/cache-dir.ts';

/**
 * The program `stackferry`, started by `bin.cjs`. The operator's commands are in `command-tree.ts`; `agent` and `relay`
 * are the programs that hosts and relays run. No top-level `await`: `require` does not support it.
 */
async function main(args: string[]): Promise<number> {
  // A reader that stops early (`| head`) is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const [first, ...rest] = args;
  if (first === 'agent') return (await import('../agent/main.ts')).agentCommand(rest);
  if (first === 'adopt') return (await import('../agent/main.ts')).agentCommand(args);
  if (first === 'relay') return (await import('../relay/main.ts')).relayCommand(rest);
  if (args.length === 1 && (first === '--version' || first === '-V')) {
    process.stdout.write(`${agentVersion}\n`);
    return 0;
  }
  // Halves the start-up time.
  enableCompileCache(cacheDir());
  return (await import('./operate.ts')).operate(args);
}

void main(process.argv.slice(2)).then((code) => process.exit(code));
