import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { observedAgent } from '../agent/metrics.ts';
import { commandTree } from '../cli/command-tree.ts';
import { observedRelay } from '../relay/metrics.ts';
import { errorCodes } from '../schema/errors.ts';
import { type Metric, metricsText } from '../schema/metrics-text.ts';
import { unreachable } from '../worker/saga/migration/attention-report.ts';
import { viewMetrics } from '../worker/views/metrics-view.ts';
import { sourcesIn } from './support/sources.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const headings = (path: string) => [...read(path).matchAll(/^### (.+)$/gm)].map(([, heading]) => heading!);

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string };
}

const alertsPath = 'deploy/monitoring/alerts.yaml';
const rules = (parse(read(alertsPath)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('deploy/monitoring/grafana-dashboard.json')) as {
  panels: { id: number; title: string; targets: { expr: string }[] }[];
};

/** As `/metrics` of the three parts prints them, with one sample per metric at least where labels matter. */
async function printed(): Promise<string> {
  const nodes = [{ kind: 'host' as const, status: 'online' as const, version: '0.2.0', count: 1 }];
  const none = { migrations: [], open_windows: 0, cleanups_due: 0, drains: [], pending_deliveries: 0 };
  const control: Metric[] = viewMetrics({ ...none, nodes, oldest_delivery_ms: 0, database_bytes: 0 });
  const relay = await observedRelay({ status: () => null, connected: () => true, welcomes: () => 1 }).metrics();
  const agent = await observedAgent({
    engine: { resources: async () => ({}) as never },
    connected: () => true,
    welcomes: () => 1,
    commands: () => ({ migrations: 0, running: 0, done: 0, failed: {} }),
    bytes: () => ({ sent: 0, received: 0 }),
    reportFaults: () => 0,
    leaseMsLeft: () => null,
    traffic: async () => [],
  }).metrics();
  return metricsText([...control, ...relay, ...agent]);
}

const namesIn = (text: string) => [...new Set(text.match(/\bstackferry_[a-z_]+/g) ?? [])];
const text = await printed();
const known = [...text.matchAll(/^# TYPE (\S+) (counter|gauge)$/gm)].map(([, name, type]) => ({ name, type }));
const unknownIn = (expr: string) => namesIn(expr).filter((name) => !known.some((one) => one.name === name));

describe('alert rules and dashboard', () => {
  const expressions = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ];

  it('name only metrics that are printed', () => {
    expect(expressions.length).toBeGreaterThan(30);
    for (const [title, expr] of expressions) {
      expect(namesIn(expr).length + Number(expr.startsWith('up{')), title).toBeGreaterThan(0);
      expect(unknownIn(expr), title).toEqual([]);
    }
    expect(unknownIn('rate(stackferry_relay_byte_total[5m])')).toEqual(['stackferry_relay_byte_total']);
  });

  it('show or watch every metric, and take the rate of counters alone', () => {
    const all = expressions.map(([, expr]) => expr).join('\n');
    const unused = known.filter(({ name }) => !namesIn(all).includes(name!)).map(({ name }) => name);
    expect(
      unused.filter((name) => !/build_info$|_migrations_active$|_connections$|_sessions_total$/.test(name!)),
    ).toEqual([]);
    for (const [, name] of all.matchAll(/(?:rate|increase)\((stackferry_\w+)/g))
      expect(known.find((one) => one.name === name)?.type, name).toBe('counter');
  });

  it('follow the conventions: counters end in _total, and every panel and alert has a name of its own', () => {
    for (const { name, type } of known) expect(name!.endsWith('_total'), name).toBe(type === 'counter');
    for (const list of [rules.map(({ alert }) => alert), dashboard.panels.map(({ id }) => String(id))])
      expect(new Set(list).size).toBe(list.length);
    for (const { labels, annotations } of rules) {
      expect(['page', 'warn']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/.{10}/);
    }
  });

  const hasPromtool = !spawnSync('promtool', ['--version']).error || Boolean(process.env.STACKFERRY_REQUIRE_ALL);

  it.runIf(hasPromtool)('are accepted by promtool', () => {
    const checkRules = (path: string) => spawnSync('promtool', ['check', 'rules', path], { encoding: 'utf8' }).stdout;
    expect(checkRules(join(root, alertsPath))).toContain('SUCCESS');
    const targets = dashboard.panels.flatMap((panel) => panel.targets);
    const panels = targets.map(({ expr }, index) => ({ record: `panel:p${index}`, expr }));
    const directory = mkdtempSync(join(tmpdir(), 'stackferry-panels-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'panels.yaml'), JSON.stringify({ groups: [{ name: 'panels', rules: panels }] }));
    expect(checkRules(join(directory, 'panels.yaml'))).toContain('SUCCESS');
    const metrics = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect(metrics.stderr).toBe('');
  });
});

describe('docs/operations.md', () => {
  const page = 'docs/operations.md';
  const flat = (text: string) => text.replaceAll(/\s+/g, ' ');

  it('has a section for each alert, and none of an unknown one', () => {
    const told = headings(page).filter((heading) => heading.startsWith('Stackferry'));
    expect(told.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  it('has a runbook for each state in which a copy can wait, and names each fixed reason', () => {
    const report = read('worker/saga/migration/attention-report.ts');
    const states = [...report.matchAll(/^const (\w+) = '(.+)';$/gm)].filter(([, name]) => name !== 'kept');
    expect(states.length).toBe(4);
    for (const [, , words] of states) expect(headings(page)).toContain(`"${words}"`);
    const reasons = [...sourcesIn('worker/saga')].flatMap(([, text]) =>
      [...text.matchAll(/needAttention\(draft, '([^']+)'\)/g)].map(([, reason]) => reason!),
    );
    expect(reasons.length).toBeGreaterThan(0);
    reasons.push(unreachable({ source: 'host' }, 'host').replace('The source host ', 'old-server '));
    for (const reason of reasons) expect(flat(read(page))).toContain(flat(reason));
  });

  it('names files that exist', () => {
    for (const [, path] of read(page).matchAll(/`(deploy\/[^`]+)`/g))
      expect(existsSync(join(root, path!)), path).toBe(true);
  });
});

describe('docs/troubleshooting.md', () => {
  it('has one section for each error code, with what to do, and none of an unknown code', () => {
    const page = 'docs/troubleshooting.md';
    expect(headings(page).toSorted()).toEqual([...errorCodes].toSorted());
    const sections = read(page).split(/^### /m).slice(1);
    for (const section of sections) expect(section).toMatch(/^\w+\n\n\S.{15,}\n\*\*Do:\*\* \S.{5,}\n/);
  });
});

describe('commands in both pages', () => {
  /** The words before the first argument in capitals, and the options; null for a command that does not exist. */
  function unknownPart(line: string): string | null {
    const words = line.split(' ').slice(1);
    let at = commandTree();
    for (const word of words) {
      if (/^--/.test(word)) {
        at = at.commands.find((command) => command.name() === 'list') ?? at;
        if (!at.options.some(({ long }) => long === word)) return word;
        continue;
      }
      const next = at.commands.find((command) => command.name() === word || command.aliases().includes(word));
      if (next) at = next;
      else if (/^[a-z]/.test(word) && at.commands.length > 0 && at.registeredArguments.length === 0) return word;
    }
    return at.parent === null ? line : null;
  }

  it('exist, with their options', () => {
    const lines = ['docs/operations.md', 'docs/troubleshooting.md'].flatMap((page) =>
      [...read(page).matchAll(/`(stackferry [^`]+)`/g)].map(([, line]) => line!),
    );
    // The agent's own commands are not the operator's.
    const operators = lines.filter((line) => !/^stackferry (agent|relay) /.test(line));
    expect(operators.length).toBeGreaterThan(20);
    for (const line of operators) expect(unknownPart(line), line).toBeNull();
    expect(unknownPart('stackferry hosts remove HOST')).toBe('remove');
    expect(unknownPart('stackferry migrations --state failed')).toBe('--state');
  });
});
