#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The program `stackferry`. What it understands is in `command-tree.ts`; `agent` and `relay` are the programs that
 * hosts and relays run.
 */
const [first = '', ...rest] = process.argv.slice(2);
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

if (first === 'agent') process.exit(await (await import('./nodes.ts')).agent(rest));
if (first === 'relay') process.exit(await (await import('./nodes.ts')).relay(rest));

// Halves the time to start. Not in the machine's temporary directory: others could put code there.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stackferry'));
const { operate } = await import('./operate.ts');
process.exit(await operate(process.argv.slice(2)));
