import { prose } from '../output/layout.ts';
import type { ServeFlags, ServeSettings } from '../serve/settings.ts';
import type { Session } from '../session.ts';
import { untilSignal } from '../until-signal.ts';

/**
 * Runs a control plane on this machine, until SIGTERM or SIGINT. Imports lazily: no other command needs these modules.
 */
export async function serve({ term }: Session, flags: ServeFlags) {
  const { readSettings } = await import('../serve/settings.ts');
  const settings = readSettings(flags);
  const stopping = untilSignal();
  const program = await import('../serve/serve.ts');
  const served = await program.serve(settings, (line) => term.err(line));
  const { adminToken, restoredFrom, upgradeCopy } = served;
  const { publicUrl: url, relay, dataDir: data } = settings;
  if (term.json)
    term.document({ url, relay: relay?.advertise ?? null, data, admin_token: adminToken, restored_from: restoredFrom });
  else term.out(...startedLines(settings, adminToken));
  if (restoredFrom)
    term.err(
      ...prose(
        term,
        `This data directory was restored from the backup of ${restoredFrom}: what came after it is forgotten here. Hosts are asked what they did since, and refuse commands that are older.`,
      ),
    );
  if (upgradeCopy) term.err(`Before this version changed it, the data directory was copied: ${upgradeCopy}`);
  await stopping;
  term.err('Stopping: running requests are finished first.');
  await served.close();
}

function startedLines({ publicUrl, relay, dataDir }: ServeSettings, adminToken: string | null): string[] {
  const itsRelay = relay ? `its relay at ${relay.advertise.host}:${relay.advertise.port}` : 'without a relay';
  const lines = [`Stackferry runs at ${publicUrl}, in the browser too; ${itsRelay}; state in ${dataDir}`];
  if (adminToken)
    lines.push(
      `Admin token, shown until it is used: ${adminToken}`,
      `Log in with it: npx stackferry login ${publicUrl}`,
      'Then let hosts join: npx stackferry join NAME',
    );
  return lines;
}
