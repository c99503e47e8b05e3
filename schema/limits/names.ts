/** Bounds of names that are pointed at the host of a stack. */
export const nameLimits = {
  names: {
    /** Of one migration: each takes a few calls of Cloudflare's API, which allows 1,200 in five minutes. */
    namesMax: 10,
    /** A zone and a name, each as long as DNS allows. */
    charsMax: 507,
    /** Addresses of a host: one of each family. */
    addressesMax: 2,
    /** Records that one name may have: one of each type. */
    recordsMax: 2,
    /** Addresses that a report tells of one name. */
    addressesToldMax: 8,
    /** All questions to name servers of one pre-flight. */
    lookupMsMax: 5_000,
    /** One call of the API; in a pre-flight, all of them. */
    callMsMax: 10_000,
    answerBytesMax: 1_048_576,
    tokenFileBytesMax: 4_096,
    /** DNS allows no more (RFC 2181). */
    ttlSMax: 2 ** 31 - 1,
  },
} as const;
