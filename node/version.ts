/** Sent to the control plane with each connection. */
export const agentVersion = '0.2.0';
