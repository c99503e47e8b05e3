import type { Statement } from './statements.ts';

/**
 * What these tests cannot run: it changes the reader's machine, needs Docker, an account or hours. A page that another
 * test follows word for word is named whole. Each with its reason, and with what runs the real thing.
 */
interface Elsewhere {
  page: string;
  /** All sections if absent. */
  section?: string;
  /** How the command begins; all if absent. */
  begins?: string;
  why: string;
  by: string;
}

const machines = 'test/machines/install.machines.test.ts';
const noPreCopy = 'the embedded engine copies no running stack';
const account = 'needs an account at Cloudflare';
const measures = 'measures real hosts, for minutes to hours';

export const elsewhere: Elsewhere[] = [
  { page: 'docs/install.md', why: 'three machines, word for word', by: machines },
  {
    page: 'docs/containers.md',
    why: 'three machines with Docker, word for word',
    by: 'test/machines/containers.machines.test.ts',
  },
  { page: 'docs/api.md', why: 'one script, word for word', by: 'test/flow/api-examples.test.ts' },
  {
    page: 'README.md',
    begins: 'npm install --global',
    why: 'changes this machine',
    by: machines,
  },
  {
    page: 'README.md',
    begins: 'curl -fsSL http://control:8787/install.sh',
    why: 'installs a service as root, beside Docker',
    by: machines,
  },
  { page: 'README.md', begins: 'npm ci', why: 'replaces the packages that run this', by: '.ci/run' },
  {
    page: 'README.md',
    begins: 'npm run demo -- --docker',
    why: 'needs two Docker Engines, and root',
    by: 'test/docker/forward.docker.test.ts',
  },
  { page: 'README.md', section: 'Develop', why: 'runs all tests, this one among them', by: '.ci/run' },
  { page: 'docs/hold.md', why: noPreCopy, by: 'test/docker/hold.docker.test.ts' },
  {
    page: 'docs/forward.md',
    why: 'needs firewall rules, which the embedded engine does not set',
    by: 'test/docker/forward.docker.test.ts',
  },
  {
    page: 'docs/dns.md',
    begins: 'stackferry migrate shop',
    why: account,
    by: 'test/agent/names/point-names.test.ts',
  },
  {
    page: 'docs/upgrade.md',
    begins: 'stackferry hosts upgrade',
    why: 'needs agents that install.sh installed',
    by: machines,
  },
  { page: 'docs/upgrade.md', begins: 'for host in', why: 'needs SSH to such hosts', by: machines },
  { page: 'docs/deploy-cloudflare.md', begins: 'npm install --global', why: 'changes this machine', by: machines },
  { page: 'docs/deploy-cloudflare.md', begins: 'wrangler', why: account, by: 'test/cli/deploy/deploy.test.ts' },
  {
    page: 'docs/deploy-cloudflare.md',
    begins: 'stackferry deploy',
    why: account,
    by: 'test/cli/deploy/deploy.test.ts',
  },
  { page: 'docs/deploy-cloudflare.md', begins: 'stackferry authority', why: account, by: 'test/cli/authority.test.ts' },
  { page: 'docs/benchmarks.md', begins: 'test/', why: measures, by: 'test/bench/main.ts' },
  { page: 'docs/benchmarks.md', begins: 'npm run bench', why: measures, by: 'test/bench/main.ts' },
  {
    page: 'docs/benchmarks.md',
    begins: 'STACKFERRY_PGBENCH_S=',
    why: measures,
    by: 'test/docker/pre-copy.docker.test.ts',
  },
  {
    page: 'docs/benchmarks.md',
    begins: 'STACKFERRY_SEEDS=',
    why: measures,
    by: 'test/docker/restless.docker.test.ts',
  },
  {
    page: 'docs/benchmarks.md',
    begins: 'STACKFERRY_LONG=1 STACKFERRY_LIBRARY_FILES=',
    why: measures,
    by: 'test/docker/library.docker.test.ts',
  },
];

export const covers = ({ page, section, begins = '' }: Elsewhere, statement: Statement): boolean =>
  page === statement.page &&
  (section === undefined || section === statement.section) &&
  statement.text.startsWith(begins);

export const isElsewhere = (statement: Statement): boolean => elsewhere.some((one) => covers(one, statement));
