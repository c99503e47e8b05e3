import type { StackDescription } from '../description.ts';
import { applications } from './applications.ts';
import { media } from './media.ts';
import { networks } from './networks.ts';
import { operations } from './operations.ts';
import { volumes } from './volumes.ts';

/** By heading of the table in docs/what-moves.md. */
export const headings: Record<string, Record<string, StackDescription>> = {
  Media: media,
  'Networks and proxies': networks,
  Applications: applications,
  'Volumes and files': volumes,
  'Home, monitoring, operations': operations,
};

/** The name is the project's, and that of its directory in `test/stacks/files/`. */
export const catalogue: Record<string, StackDescription> = Object.assign({}, ...Object.values(headings));

/** Moved, and rolled back, by every run of the tests: all of them take half an hour. */
export const inEachRun = ['jukebox', 'sidegate', 'restful'];
