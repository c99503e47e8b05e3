/** Bounds of holding and forwarding the connections to a stack's published ports. */
export const forwardLimits = {
  forward: {
    /** Published TCP and UDP ports of one stack, ranges expanded: each takes a listener and two rules per address family. */
    portsMax: 256,
    /** Holding without a word from the control plane: who still tries after an hour knows of the downtime. */
    holdingMsMax: 3_600_000,
    /** The control plane looks for windows that have ended once an hour; a source that hears nothing ends by itself then. */
    overtimeMs: 2 * 3_600_000,
    /** From the hold to the stop: most requests that were under way are answered by then. */
    answeringMs: 500,
    /** Until a stack that runs accepts at its ports; then those that waited are passed on, within `holdMsMax`. */
    acceptingMsMax: 10_000,
    /** Connections held at a time: 200 a second over a downtime of 20 s. */
    heldMax: 4_096,
    /** From a connection's arrival to its splice or its end: a pause that clients bear, their usual timeout being longer. */
    holdMsMax: 30_000,
    /** Pending connections that the kernel keeps for each listener, within its own limit (`somaxconn`). */
    backlog: 4_096,
    /** Ways on being opened at a time: an app's queue of new connections may have room for 128, and what overflows it tries again after a second. */
    openingMax: 64,
    /** Connections spliced at a time through one agent. */
    splicedMax: 2_048,
    /** From a clean close to the destruction of the socket, for a client that does not close its side. */
    closeMsMax: 2_000,
    /**
     * How long a listener outlives its redirection: a first packet that was redirected and lost is repeated after one and
     * three seconds.
     */
    lingerMs: 4_000,
    /** UDP clients of one migration at a time. With TCP's they are the streams of one tunnel. */
    flowsMax: 2_048,
    /** Makes room for another: a thousand questions a second, each from a port of its own, find it, and a flood can't end a talk. */
    flowSilentMsMin: 2_000,
    /** Without a datagram for so long a client is forgotten: as by Linux's connection tracking, after one question and in a talk. */
    flowIdleMsMax: { single: 30_000, lasting: 120_000 },
    /** A client whose datagrams can't be passed on is not tried again for so long. */
    flowFailedMs: 1_000,
    /** Datagrams of a UDP client that wait for the way on, and their bytes, unless it is one; later ones are dropped. */
    flowWaitingMax: 16,
    flowWaitingBytesMax: 16_384,
    /** How often the target looks whether the stack is still there: a UDP client's stream may last for days. */
    flowLookMs: 5_000,
    /** UDP sockets of one migration, for each port and address of the host. */
    datagramSocketsMax: 256,
    /** How often addresses that are new, and ports that were not free, are looked for. */
    datagramLookMs: 5_000,
    /** Spliced connections after the end of forwarding was asked for. */
    drainMsMax: 10_000,
    /** Probes of an idle client that may be gone. */
    keepAliveDelayMs: 60_000,
    /** Wait for the lock of iptables, which Docker takes as well. */
    rulesLockS: 5,
    /** One call of a firewall's program. */
    rulesMsMax: 15_000,
    rulesBytesMax: 16 * 1_048_576,
    /** A removal that met another change of the firewall reads it again. */
    rulesTriesMax: 3,
    /** A reload of the firewall may drop our rules: clients are refused until they are looked for again. */
    rulesLookMs: 5_000,
    /** Source addresses counted; the least busy one makes room. */
    sourcesMax: 256,
    /** Sources in a report. */
    sourcesShownMax: 10,
    /** Connections per minute are counted in buckets of this length. */
    trafficBucketMs: 5_000,
    /**
     * Flow-control window of one stream: 6 MB/s at 20 ms of round trip. A peer that is not read makes its end keep at most
     * this.
     */
    streamWindowBytes: 131_072,
    /** All streams of a tunnel together. */
    tunnelWindowBytes: 8 * 1_048_576,
    /** Memory that a tunnel's session may take, in megabytes: every stream's window full. */
    tunnelMemoryMbMax: 256,
    /** Streams that a source may reset: as many as clients may go away. It is authenticated, and has other ways to waste. */
    resetsPerSMax: 2_000,
    /** A connection to the published port on the same host: a full accept queue is tried again after 1, 3 and 7 s. */
    connectMsMax: 15_000,
    /** Between holder and agent, whose silence breaks what is passed on. */
    pingIntervalMs: 5_000,
    silenceMsMax: 15_000,
    /** Between hosts: each side says what it has received, also of an idle tunnel, within a relay's idle time. */
    tunnelBeatMs: 1_000,
    /** Nothing heard for so long: another connection is dialed, and all that was under way goes on. */
    tunnelSilenceMsMax: 5_000,
    /** Received bytes that the peer still keeps, until the next beat. */
    tunnelAckBytes: 262_144,
    /** Sent bytes that the peer has not acknowledged: the window of all streams, and as much again for frames and their delay. */
    tunnelKeptBytesMax: 16 * 1_048_576,
    /** Without a connection for so long, what is under way is given up: as long as a new connection may wait. */
    tunnelLostMsMax: 30_000,
    reconnectDelayMsMin: 50,
    /** While clients of an interruption may be waiting: both ends dial, and whichever is later adds to their wait. */
    redialDelayMsMax: 500,
    reconnectDelayMsMax: 2_000,
    /** Between two attempts to have a holder let go that does not answer. */
    forgetDelayMsMax: 60_000,
    /**
     * Without an agent the holder passes nothing on. A service manager starts one within seconds, an upgrade goes back
     * within minutes: after a quarter of an hour none will come soon, and nobody would tell the holder that it is over.
     */
    agentAwayMsMax: 900_000,
    /** The holder's process without anything to take: the commands of one migration follow each other faster. */
    holderIdleMsMax: 60_000,
    /** How often the holder looks for what is due, and whether its socket is still its own. */
    holderTickMs: 1_000,
    /** From the claim of the holder's name to the look whether another claimed it at the same moment. */
    holderClaimMs: 100,
    /** A start of Node on a busy host, or the wait for another holder that is removing its rules. */
    holderStartMsMax: 30_000,
    holderStartPollMs: 50,
    /** Holders that an agent starts to open one forwarding, or to take one up again: one that ends was idle, or is broken. */
    holderTriesMax: 3,
    /** An agent that speaks to the holder says who it is at once. */
    holderHelloMsMax: 5_000,
    /** One act: programs of the firewall one after the other, then the longest of its pauses. */
    holderAnswerMsMax: 180_000,
    /** One message: every port of a stack twice, once with the listener that it had. */
    holderLineBytesMax: 131_072,
    /** Agents and ways at a time: one agent, and a way for each migration. */
    holderSocketsMax: 256,
    /** The holder's log is truncated here: only recent lines matter. */
    holderLogBytesMax: 1_048_576,
  },
} as const;
