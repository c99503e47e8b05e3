/** Where the demo plays: on two embedded hosts, or on two real Docker engines. */
export interface Stage {
  /** Said at the start, so that nobody takes one for the other. */
  title: string;
  stack: string;
  /** Where agents reach control plane and relay. */
  address: string;
  /** Arguments of the agent of host `a` or `b`, and the network namespace it runs in. */
  host(name: HostName): { arguments: string[]; netns?: string };
  /** Brings the sample stack up on host a, with data in its volume. */
  seed(): Promise<void>;
  /** A digest over the stack's data as its running service on this host reads it. */
  fingerprint(host: HostName): Promise<string>;
  /** Whether the stack runs on this host. */
  runs(host: HostName): Promise<boolean>;
  close(): Promise<void>;
}

export type HostName = 'a' | 'b';
