import { homedir } from 'node:os';
import { join } from 'node:path';

/** For reproducible files. Not in the system's temporary directory, where other users could plant code. */
export const cacheDir = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stackferry');
