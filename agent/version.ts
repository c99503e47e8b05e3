/** Told to the control plane with each connection. */
export const agentVersion = '0.1.0';
