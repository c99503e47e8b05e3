import type { Check, Plan, Report } from '../../schema/preflight-report.ts';
import { bytes, count, duration, rate, sizeOr } from '../../schema/units.ts';
import { labelled, pad } from './layout.ts';
import type { Style, Terminal } from './terminal.ts';

const words: { [S in Check['status']]: [word: string, style: Style] } = {
  pass: ['pass', 'green'],
  fail: ['FAIL', 'red'],
  note: ['note', 'yellow'],
  skipped: ['skip', 'dim'],
};

/** The pre-flight report for people; `brief` leaves out what passed. */
export function reportLines(term: Terminal, report: Report, { brief = false } = {}): string[] {
  const shown = report.checks.filter(({ status }) => !brief || status !== 'pass');
  const passed = report.checks.length - shown.length;
  return [
    ...shown.flatMap((check) => checkLines(term, check)),
    ...(brief && passed > 0 ? [`  ${term.paint('green', 'pass')}  ${count(passed, 'check')}`] : []),
    ...section(
      term,
      'Notes',
      report.notes.flatMap((note) => labelled(term, '-', note, 2)),
    ),
    ...(report.plan ? section(term, 'Plan', planLines(term, report.plan)) : []),
  ];
}

function checkLines(term: Terminal, { name, status, detail }: Check): string[] {
  const [word, style] = words[status];
  const [first = '', ...rest] = labelled(term, `${word}  ${name}`, inCommands(detail), 25);
  return [first.replace(word, term.paint(style, word)), ...rest];
}

/** Advice that names a call of the API, as the command that makes it. */
const inCommands = (detail: string) =>
  detail
    .replace(/DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_\w+)\/source/g, 'stackferry purge $1')
    .replace(/DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_\w+)\/target/g, 'stackferry purge $1 --target')
    .replace(/"sizing": "(\w+)"/g, '--sizing $1');

function section(term: Terminal, title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', term.paint('bold', title), ...lines];
}

function planLines(term: Terminal, plan: Plan): string[] {
  const { address_change: change, unmoved_layers: layers } = plan;
  const row = (label: string, text: string) => labelled(term, label, text, 14);
  const total = `${plan.total_is_lower_bound ? 'at least ' : ''}${bytes(plan.total_bytes)}`;
  const ports = plan.ports.map(({ service, port, protocol }) => `${service} ${port}/${protocol}`);
  return [
    ...plan.items.flatMap(({ kind, name, size_bytes }) =>
      row(kind, `${pad(sizeOr(size_bytes, 'unknown'), 10)}${name}`),
    ),
    ...row('in all', total),
    ...plan.expected.flatMap(({ mode, transfer_s, downtime_s }) =>
      row(
        mode,
        `transfer about ${duration(transfer_s * 1000)}, down about ${duration(downtime_s * 1000)}, at ${rate(plan.assumed_rate)}${plan.rate_measured ? '' : ', assumed'}`,
      ),
    ),
    ...(ports.length > 0
      ? row('address', `Clients and DNS must follow from ${change.from_host} to ${change.to_host}: ${ports.join(', ')}`)
      : []),
    ...layers.flatMap(({ container, size_bytes }) =>
      row('does not move', `${bytes(size_bytes)} that ${container} wrote outside any volume`),
    ),
  ];
}

/** One line: what it comes to. */
export function verdict(term: Terminal, { passed, checks }: Report): string {
  const failed = checks.filter(({ status }) => status === 'fail').length;
  return passed
    ? term.paint('green', 'Passed: it can be moved.')
    : term.paint('red', `Failed: ${failed} of ${checks.length} checks. Nothing was touched.`);
}
