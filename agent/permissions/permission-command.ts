import { parseArgs } from 'node:util';
import { tell } from '../../node/log.ts';
import { hostPrivileges } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import { powerMeanings } from '../../schema/power-meanings.ts';
import { UsageError } from '../config.ts';
import { ownerCommand } from '../owner-command.ts';
import { isHostId, isStackName } from './allow-line.ts';
import { grantOf, wordOf } from './grant-word.ts';
import { type Permission, permissionFile, readPermissions, writePermissions } from './permission-file.ts';
import { stateDirOf } from './state-dir.ts';

const usage = `stackferry agent allow STACK --from HOST POWER[=WHAT]…      let a stack have this on this host
stackferry agent allowed                                    list what stacks may have
stackferry agent disallow STACK [--from HOST] [POWER[=WHAT]…]  take it back

  HOST         id of the host that the stack comes from: the pre-flight's report prints the whole command
  POWER=WHAT   of cap_add, devices, security_opt and host_path only this; POWER alone: all
  --state DIR  the agent's state directory, if it is not found

It holds from the next judgement on, without a restart. The agent's --allow holds for every stack besides.

${hostPrivileges.map((power) => `  ${power.padEnd(14)}${powerMeanings[power]}`).join('\n')}`;

interface Asked {
  stack: string;
  from: string | null;
  words: string[];
}

/** What this host's owner says to its agent's program: which stack may have what. Resolves to the exit code. */
export const permissionCommand = (argv: string[]): Promise<number> =>
  ownerCommand(usage, async () => {
    const { values, positionals } = parse(argv);
    const [act, stack = '', ...words] = positionals;
    if (values.help) tell(usage, 'stdout');
    else {
      const stateDir = stateDirOf(values.state);
      const asked = { stack, from: values.from ?? null, words };
      if (act === 'allowed') await list(stateDir);
      else await (act === 'allow' ? allow : disallow)(stateDir, checked(asked));
    }
  });

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { from: text, state: text, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args, allowPositionals: true, options });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

/** Throws UsageError. */
function checked({ stack, from, words }: Asked): Asked {
  if (!isStackName(stack)) throw new UsageError(stack ? `"${stack}" is not a stack name` : 'Which stack?');
  if (from !== null && !isHostId(from))
    throw new UsageError(
      `--from takes the id of a host, not "${from}": a name can be given to another host. The pre-flight's report has the id, "stackferry hosts show" too`,
    );
  return { stack, from, words };
}

async function allow(stateDir: string, { stack, from, words }: Asked): Promise<void> {
  if (from === null) throw new UsageError('--from HOST is missing: what one source may do, another may not');
  if (words.length === 0) throw new UsageError('Which power?');
  const before = await current(stateDir);
  const grants = await Promise.all(words.map(grantOf));
  const added = grants.map((grant) => ({ stack, from, ...grant }));
  const all = [...new Map([...before, ...added].map((one) => [JSON.stringify(one), one])).values()];
  if (all.length > limits.agent.permissionsMax)
    throw new Error(`${permissionFile(stateDir)} is full: disallow what is no longer needed first.`);
  await writePermissions(stateDir, all);
  tell(`The stack "${stack}" from ${from} may have on this host:\n${described(added)}`, 'stdout');
}

async function disallow(stateDir: string, { stack, from, words }: Asked): Promise<void> {
  const grants = await Promise.all(words.map(grantOf));
  const isMeant = (one: Permission) =>
    one.stack === stack &&
    (from === null || one.from === from) &&
    (grants.length === 0 ||
      grants.some(({ power, exactly }) => power === one.power && (exactly === null || exactly === one.exactly)));
  const before = await current(stateDir);
  const removed = before.filter(isMeant);
  if (removed.length === 0)
    throw new Error(`Nothing of that is allowed to the stack "${stack}": "allowed" lists what is.`);
  await writePermissions(
    stateDir,
    before.filter((one) => !isMeant(one)),
  );
  tell(`The stack "${stack}" may no longer have on this host:\n${described(removed)}`, 'stdout');
}

async function list(stateDir: string): Promise<void> {
  const groups = Map.groupBy(await current(stateDir), ({ stack, from }) => `${stack}, from ${from}:`);
  const lines = [...groups].flatMap(([head, permissions]) => [head, described(permissions)]);
  tell(lines.join('\n') || 'No stack is allowed anything on this host but by the agent’s --allow.', 'stdout');
}

async function current(stateDir: string): Promise<Permission[]> {
  const { permissions, fault } = await readPermissions(stateDir);
  if (fault !== null) throw new Error(fault);
  return permissions;
}

const described = (permissions: Permission[]): string =>
  permissions.map((one) => `  ${wordOf(one)}: ${powerMeanings[one.power]}`).join('\n');
