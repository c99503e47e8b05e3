/** What `import { env } from 'cloudflare:workers'` gives in tests: the Worker's bindings and the SQL to set D1 up with. */
declare namespace Cloudflare {
  interface Env extends Pick<import('../../worker/env.ts').Env, 'DB' | 'BOOTSTRAP_TOKEN_HASH' | 'WEBHOOK_QUEUE'> {
    STACK_MIGRATION: DurableObjectNamespace;
    HOST_DRAIN: DurableObjectNamespace;
    HOST_CONNECTION: DurableObjectNamespace;
    FLEET_AUTHORITY: DurableObjectNamespace;
    TEST_MIGRATIONS: import('cloudflare:test').D1Migration[];
  }
}
