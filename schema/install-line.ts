/** A host or relay that was created and has not joined yet. */
export interface NewNode {
  kind: 'host' | 'relay';
  name: string;
  joinToken: string;
}

/** Returns the shell command that installs a new host or relay. It contains the join token. */
export function installLine(control: string, { kind, name, joinToken }: NewNode): string {
  const more = kind === 'relay' ? ' --relay --advertise HOST:7400' : '';
  return `curl -fsSL ${new URL(control).origin}/install.sh | sudo sh -s -- --name ${name} --join ${joinToken}${more}`;
}

/** Returns the shell command that updates a host which install.sh installed. */
export const updateLine = (control: string): string => `curl -fsSL ${new URL(control).origin}/install.sh | sudo sh`;
