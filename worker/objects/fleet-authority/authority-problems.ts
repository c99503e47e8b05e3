/**
 * Errors of a missing or foreign CA. Matched by text, the only part of a Durable Object's error that reaches the
 * caller.
 */
export const authorityProblems = {
  missing:
    'The certificate authority of this fleet is missing: its key lies in the namespace bound as FLEET_AUTHORITY, which is empty. No other one is made, since every host would refuse it. Bind the namespace that has it. Where it is lost for good, delete all hosts and relays and the row of the table `fleet`, and join them again.',
  foreign:
    "The namespace bound as FLEET_AUTHORITY holds another fleet's certificate authority than this database knows. Bind database and namespace that belong together.",
} as const;
