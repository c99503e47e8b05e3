/** Hosts of the demo: two embedded ones, or two real Docker engines. */
export interface Stage {
  /** Printed at the start, to tell the two apart. */
  title: string;
  stack: string;
  /** Address at which agents reach control plane and relay. */
  address: string;
  /** Arguments of the agent of host `a` or `b`, and the network namespace it runs in. */
  host(name: HostName): { arguments: string[]; netns?: string };
  /** At the stack's first address, where an engine can forward: each request is counted, and told the count so far. */
  page?: string;
  /** Starts the sample stack on host a, with data in its volume. */
  seed(): Promise<void>;
  /** Digest of the stack's data as its running service on this host reads it. */
  fingerprint(host: HostName): Promise<string>;
  /** True if the stack runs on this host. */
  runs(host: HostName): Promise<boolean>;
  close(): Promise<void>;
}

export type HostName = 'a' | 'b';
