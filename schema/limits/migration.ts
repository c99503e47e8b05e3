/** Bounds of a migration: its steps, health, undo, leases, drains and the safety window. */
export const migrationLimits = {
  step: {
    preflightMsMax: 60_000,
    /**
     * `preparing`, `transferring` and `shipping` count from the last byte transferred: a slow line is not a failure.
     */
    preparingMsMax: 30 * 60_000,
    stoppingMsMax: 10 * 60_000,
    transferringMsMax: 24 * 3_600_000,
    shippingMsMax: 2 * 3_600_000,
    deployingMsMax: 15 * 60_000,
    restoringMsMax: 10 * 60_000,
    cleanupMsMax: 10 * 60_000,
    /** Check that the retained copy on the source is intact. */
    checkingRetainedMsMax: 2 * 60_000,
    /** From a terminal state to `needs_attention` if its host has not confirmed that the stack runs. */
    armingMsMax: 5 * 60_000,
  },
  hold: {
    /** From one round of passes to the next: a round lists every file and syncs the volume's filesystem. */
    passMsMin: 60_000,
    /** The same after a round that carried little; what has changed since is never older than that. */
    passMsMax: 5 * 60_000,
    /** The migration ends once so many rounds in a row, and all for so long, have failed: a host may reboot meanwhile. */
    triesMin: 5,
    failingMsMax: 15 * 60_000,
    /** A failed round is repeated after this if a cutover waits for it; doubled each time, up to `passMsMin`. */
    retryMs: 5_000,
    /** A cutover that is due is called off if it could not begin for so long: its time was chosen for a reason. */
    lateMsMax: 30 * 60_000,
    /** Migrations of one drain that hold at once: each agent remembers what its passes sent. */
    atOnceMax: 128,
    /** How far ahead a cutover may be set: beyond that it is a slip of the pen. */
    aheadMsMax: 366 * 24 * 3_600_000,
    /** Differences of the running stack that are kept and shown. */
    changesMax: 8,
  },
  health: {
    timeoutSDefault: 180,
    timeoutSMax: 3_600,
    /** Containers without a healthcheck must stay running this long. */
    settleMs: 5_000,
    /** The same for one that accepts connections at every port that it publishes: it is past its start. */
    acceptedSettleMs: 1_000,
    /** Of a connection to a container on this host, which is answered at once. */
    acceptMsMax: 300,
    pollMs: 200,
    /** Restart backoff of a container under verification, doubled each time: the Engine's own, with a lower cap. */
    restartDelayMsMin: 100,
    restartDelayMsMax: 10_000,
    /** Added to the health timeout: settling and the answer's latency. */
    answerMsMax: 30_000,
  },
  undo: {
    /** Delay and number of retries of a failed undo command before the migration needs attention. */
    retryMs: 5_000,
    triesMax: 5,
  },
  lease: {
    /** The target stops what it started after this long without a renewal. */
    leaseMs: 45_000,
    renewIntervalMs: 10_000,
    /** Interval at which the target's agent checks for expired leases. */
    checkIntervalMs: 500,
    /** Added to an expired lease before the source may start: stopping takes time and clocks drift. */
    marginMs: 30_000,
    /**
     * A proof of health must be committed this long before its lease ends: clocks of object and database may differ.
     */
    commitMarginMs: 2_000,
    /** Proofs committed too late, each followed by another try, before the migration reverts. */
    lateProofsMax: 5,
    /** From SIGTERM to SIGKILL when a lease expires, even if a container's own stop timeout is longer. */
    stopGraceMsMax: 8_000,
    /** The guard acts this long after a lease expires, so that a live agent acts first. */
    guardGraceMs: 5_000,
    guardPollMs: 1_000,
    /** Interval at which the guard checks that stopped containers stay stopped, until an agent is back. */
    guardRecheckMs: 5_000,
    /** From the guard's start until it watches, and the poll interval of that wait. */
    guardStartPollMs: 20,
    guardStartMsMax: 10_000,
    guardLogBytesMax: 262_144,
  },
  plan: {
    /** Assumed rate of a transfer through one relay before any was measured. */
    assumedBytesPerS: 100 * 1_048_576,
    assumedStopStartS: 10,
    /** A smaller transfer says little about a link; this many of the latest migrations are considered. */
    measuredBytesMin: 64 * 1_048_576,
    ratesLookedAtMax: 5,
    /** Assumed downtime work after a pre-copy: the share that changes, and every byte read again for the proof. */
    assumedChangedShare: 0.02,
    assumedReadBytesPerS: 400 * 1_048_576,
  },
  drain: {
    parallelDefault: 2,
    parallelMax: 16,
    /** Stacks of one drain: as many as a host lists. */
    stacksMax: 500,
    /** Interval at which a drain checks its migrations; their objects notify it in between. */
    pollMs: 5_000,
    /** Stacks that one plan inspects at a time. */
    looksAtOnceMax: 4,
    /** Replans without hosts that turned out not to take a stack, beyond one for each host. */
    planRoundsMax: 8,
    /** Wait for hosts that don't answer when a stack's turn comes: a deploy cuts every connection. */
    silenceMsMax: 90_000,
    /** How long a migration that could not be started is retried. */
    startMsMax: 5 * 60_000,
    /** How long a migration that needs a person keeps its slot. */
    attentionMsMax: 15 * 60_000,
    /** Room for a command line that allows a stack what it needs. */
    messageCharsMax: 1_200,
    /** Options that would lift an obstacle, as JSON: what all stacks of a drain have in their one row. */
    liftsCharsMax: 2_000,
  },
  progress: {
    /** Measuring window of the rate, and the least of it before a rate is shown. */
    rateWindowMs: 5_000,
    rateWindowMsMin: 400,
    /** Without a report for this long nothing moves: six of the intervals at which agents report. */
    rateStaleMs: 3_000,
    /** Points of the rate's history: five minutes in some 600 bytes of each view. */
    historyPointsMax: 60,
    historyIntervalMs: 5_000,
  },
  window: {
    safetyWindowHoursDefault: 72,
    safetyWindowHoursMax: 24 * 365,
    /** How long a purge request waits for its host; the purge continues, and the request can be repeated. */
    purgeWaitMsMax: 60_000,
    purgePollMs: 200,
  },
  cron: {
    /** Objects that one line of the cron table wakes at a time. */
    atOnceMax: 20,
    /** Connections that the hourly check looks at; a larger fleet takes several hours. */
    presenceChecksMax: 500,
    /** Hosts of which one run records that they are away, or back; more follow with the next. */
    absencesMax: 500,
  },
} as const;
