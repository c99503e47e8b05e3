import { type ObservePage, openObservePage } from '../node/observe-page.ts';
import type { AgentConfig } from './config.ts';
import { type AgentState, observedAgent } from './metrics.ts';

export interface AgentPage extends Pick<ObservePage, 'close'> {
  /** From now on the page shows this; until then it says that the agent starts. */
  show(state: AgentState): void;
}

/** Opens the page of `--metrics`; does nothing if there is none. Throws if it cannot listen. */
export async function openAgentPage({
  metrics: listen,
  metricsToken: token,
}: Pick<AgentConfig, 'metrics' | 'metricsToken'>): Promise<AgentPage> {
  if (!listen) return { show: () => {}, close: async () => {} };
  let shown: ReturnType<typeof observedAgent> | null = null;
  const page = await openObservePage({
    listen,
    token,
    observed: {
      waitingFor: async () => (shown ? shown.waitingFor() : ['start']),
      metrics: async () => (await shown?.metrics()) ?? [],
    },
  });
  return {
    show: (state) => {
      shown = observedAgent(state);
    },
    close: page.close,
  };
}
