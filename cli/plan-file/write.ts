import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { shellWord } from '../../node/shell-word.ts';
import type { DrainPlanView } from '../../schema/api/drains.ts';
import type { Lift } from '../../schema/lift.ts';
import type { Mode } from '../../schema/migration-status.ts';
import type { MoveOptions } from '../../schema/move-options.ts';
import { toBeFilledIn } from '../consents.ts';
import { usageError } from '../exit-code.ts';
import { wrap } from '../output/layout.ts';
import { plainText } from '../output/plain-text.ts';
import type { PlanEntry } from './plan-file.ts';

/** What the plan was asked with. */
export interface PlannedWith extends MoveOptions {
  mode: Mode;
  /** Name of the only host that may take stacks. */
  to?: string;
  max_parallel?: number;
}

/** Writes a new file. Throws `usage` if there is one of this name: it may have been edited. */
export async function writePlanFile(name: string, plan: DrainPlanView, asked: PlannedWith): Promise<void> {
  await writeFile(name, planText(name, plan, asked), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') throw usageError(`${name} exists already.`, 'Delete it, or name another file.');
    throw usageError(`${name} can’t be written (${error.code}).`);
  });
}

/** The plan as YAML: what it says, pinned, and what else could be chosen as comments. */
export function planText(name: string, { host, stacks, left }: DrainPlanView, asked: PlannedWith): string {
  const command = `stackferry drain ${shellWord(host.name)} --file ${shellWord(name)}`;
  const { max_parallel } = asked;
  return [
    ...comment(
      `Where each stack of ${host.name} goes; nothing has been changed yet.`,
      `See what it does now:  ${command} --plan`,
      `Do it:                 ${command}`,
      `A stack that is not named here stays on ${host.name}. Without "to" a stack goes where the most room is.`,
    ),
    `host: ${scalar(host.name)}`,
    ...(max_parallel === undefined ? [] : [`max_parallel: ${max_parallel}`]),
    stacks.length + left.length === 0 ? 'stacks: {}' : 'stacks:',
    ...stacks.flatMap((one) => [`  ${scalar(one.stack.name)}:`, ...entryLines(one, asked).map(indented)]),
    ...left.flatMap((stack) => [
      `  ${scalar(stack.name)}:`,
      ...fields({ leave: true, ...optionsIn(asked) }).map(indented),
    ]),
    '',
  ].join('\n');
}

/** The options of the plan that hold for each of its stacks; `to`: where this one goes. */
const optionsIn = ({ max_parallel: _, to: only, ...options }: PlannedWith, to = only): PlanEntry => ({
  ...(to === undefined ? {} : { to }),
  ...options,
});

function entryLines({ target, why, obstacle }: DrainPlanView['stacks'][number], asked: PlannedWith): string[] {
  if (!obstacle) return [...comment(why), ...fields(optionsIn(asked, target?.name))];
  const options = optionsIn(asked);
  const [best] = obstacle.lifted_by;
  const inWay = new Set(obstacle.lifted_by.flatMap((way) => Object.keys(way)));
  const kept = Object.fromEntries(Object.entries(options).filter(([key]) => !inWay.has(key)));
  return [
    ...comment(`It stays: ${obstacle.message} (${obstacle.code})`),
    ...fields({ leave: true, ...kept }),
    ...(best ? comment('It could move without "leave", and with:') : []),
    ...obstacle.lifted_by.flatMap((way, at) => [...(at === 0 ? [] : ['# or:']), ...wayLines(way)]),
  ];
}

const wayLines = ({ env, ...way }: Lift) =>
  fields({ ...way, ...(env ? { env: env.map(toBeFilledIn) } : {}) }).map((line) => `# ${line}`);

/** The options that are on, a line each. */
const fields = (options: PlanEntry): string[] =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0))
    .map(([key, value]) => `${key}: ${scalar(value)}`);

/** One line of YAML. */
const scalar = (value: unknown): string =>
  stringify(value, { collectionStyle: 'flow', lineWidth: 0, defaultStringType: 'PLAIN' }).trim();

const comment = (...texts: string[]): string[] =>
  texts.flatMap((text) => wrap(plainText(text), 110)).map((line) => `# ${line}`);

const indented = (line: string) => `    ${line}`;
