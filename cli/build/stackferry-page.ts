import { agentUsage } from '../../agent/config.ts';
import { agentVersion } from '../../node/version.ts';
import { relayUsage } from '../../relay/config.ts';
import { commandTree } from '../command-tree.ts';
import { exitCodeHelp } from '../exit-code.ts';
import { manPage } from './man-page.ts';

/** The manual page of this version. */
export const stackferryPage = (): string =>
  manPage(commandTree(), {
    version: agentVersion,
    exitCodes: exitCodeHelp,
    programs: { 'THE AGENT': agentUsage, 'THE RELAY': relayUsage },
  });
