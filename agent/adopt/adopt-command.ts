import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tell } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';
import { UsageError } from '../config.ts';
import { adopt, describeContainers } from '../engine/docker/adoption/adopt.ts';
import { adoptedLabels, composeFileName, readAdopted, writeAdopted } from '../engine/docker/adoption/adopted-file.ts';
import { openDockerApi } from '../engine/docker/api.ts';
import { ownerCommand } from '../owner-command.ts';
import { stateDirOf } from '../permissions/state-dir.ts';

const usage = `stackferry adopt CONTAINER… [options]   make a stack of containers that were started with "docker run"
stackferry agent adopted                list what was adopted on this host
stackferry agent disown STACK           take that back; containers and file stay as they are

Writes a Compose file that describes the containers, and has Compose read it: what it would make is compared with
them. The containers run on as they are. Run this on their host, as the user of its agent.

  --show                 print the file, which has the values of environment variables; change nothing
  --name STACK           the stack's name               (default: the first container's)
  --dir DIR              where the file is written      (default: /opt/stacks/STACK)
  --accept-losses        adopt them although the file can't say all of it
  --state DIR            the agent's state directory, if it is not found
  --docker-socket PATH   (default /var/run/docker.sock)
  --docker-binary PATH   the docker client with compose (default docker)`;

/** Adopts plain containers of this host, lists and disowns them. Resolves to the exit code. */
export const adoptCommand = (argv: string[]): Promise<number> =>
  ownerCommand(usage, async () => {
    const { values, positionals } = parse(argv);
    const [act, ...names] = positionals;
    if (values.help) tell(usage, 'stdout');
    else if (act === 'adopted') await list(stateDirOf(values.state));
    else if (act === 'disown') await disown(stateDirOf(values.state), names);
    else await adoptNamed(names, values);
  });

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    show: flag,
    name: text,
    dir: text,
    'accept-losses': flag,
    state: text,
    'docker-socket': text,
    'docker-binary': text,
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

async function adoptNamed(names: string[], values: Values): Promise<void> {
  if (names.length === 0) throw new UsageError('Which containers?');
  const stateDir = stateDirOf(values.state);
  const socketPath = values['docker-socket'] ?? '/var/run/docker.sock';
  const api = await openDockerApi(socketPath, adoptedLabels(stateDir));
  try {
    const compose = { binary: values['docker-binary'] ?? 'docker', socketPath };
    const context = { api, compose, stateDir };
    const signal = AbortSignal.timeout(limits.agent.composeReadMsMax * 4);
    const adoption = await describeContainers(context, names, values.name ?? null, signal);
    const { stack, text, losses } = adoption;
    if (values.show) tell(text.trimEnd(), 'stdout');
    const said = losses.map((loss) => `  ${loss}`).join('\n');
    if (losses.length > 0) tell(`The file can't say all of it:\n${said}`, 'stderr');
    if (values.show) return;
    if (losses.length > 0 && !values['accept-losses'])
      throw new Error('Nothing is adopted: without that, the copy would not be the same. --accept-losses adopts it.');
    const file = await adopt(context, adoption, resolve(values.dir ?? join('/opt/stacks', stack)));
    tell(
      `Adopted as the stack "${stack}", described by ${file}. The containers run on as they are.\nIt is listed in some seconds; then: stackferry preflight ${stack} --to HOST`,
      'stdout',
    );
  } finally {
    await api.close();
  }
}

async function list(stateDir: string): Promise<void> {
  const lines = (await readAdopted(stateDir)).map(
    ({ stack, directory, containers }) =>
      `${stack}: ${Object.values(containers).join(', ')} (${join(directory, composeFileName)})`,
  );
  tell(lines.join('\n') || 'No container of this host is adopted.', 'stdout');
}

async function disown(stateDir: string, stacks: string[]): Promise<void> {
  const [stack, ...rest] = stacks;
  if (stack === undefined || rest.length > 0) throw new UsageError('Which stack?');
  const before = await readAdopted(stateDir);
  const kept = before.filter((one) => one.stack !== stack);
  if (kept.length === before.length) throw new Error(`No adopted stack "${stack}" is here: "adopted" lists them.`);
  await writeAdopted(stateDir, kept);
  tell(`The containers of "${stack}" are not a stack any more. Its Compose file stays.`, 'stdout');
}
