/** Bounds of the control plane: connections, API, pages, webhooks, certificates. */
export const controlPlaneLimits = {
  control: {
    /** A read-only request to an agent (probe, inspection). */
    requestMsMax: 20_000,
    /**
     * `POST …/migrate` waits this long for the pre-flight, then answers 202 with the migration still in `preflight`.
     */
    preflightWaitMsMax: 45_000,
    /** Interval of agents' pings; the platform answers them without waking the object. */
    pingIntervalMs: 5_000,
    /** A host whose last ping is older than this is offline, even if its socket is open. */
    hostSilenceMsMax: 15_000,
    /** A running command without progress or heartbeat for this long is queried; no answer means "agent lost". */
    commandSilenceMsMax: 20_000,
    /** How long the saga waits for a source or target lost in mid-step before it reverts. */
    agentReturnMsMax: 60_000,
    /** The same wait if both hosts fell silent at once: then the control plane itself is probably cut off. */
    allLostMsMax: 15 * 60_000,
    /** Interval of status queries to a migration's hosts while it waits for answers. */
    commandCheckMs: 5_000,
    statusMsMax: 4_000,
    /** Tries of a transition that loses the optimistic-lock race to another writer. */
    commitTriesMax: 5,
    reconnectDelayMsMin: 250,
    reconnectDelayMsMax: 10_000,
    /**
     * An idle host whose connection stood for `standingMsMin` comes back only after a random part of this: a deploy cuts all of a
     * fleet at once. A large fleet is told to spread further, see `returnsPerS`.
     */
    idleReturnMsMin: 5_000,
    idleReturnMsMax: 10_000,
    standingMsMin: 60_000,
    /**
     * Hosts of a fleet that are to come back in a second, on average. They come at random, and besides those whose first attempt was
     * too early: at most 100 in the busiest second, of up to 3,000 hosts, if the restart takes no longer than 8 s.
     */
    returnsPerS: 40,
    /**
     * The longest time over which a fleet spreads: 3,000 hosts are then 60 in a second, and 10,000 are 200, less than the 250
     * that the database takes. With `idleReturnMsMin` before it less than `agentReturnMsMax` and what a drain waits: nobody gives up a
     * host that is on its way back.
     */
    returnSpreadMsMax: 50_000,
    /** How long one count of the hosts is used, of a fleet that all comes back at once. */
    hostCountKeepMs: 60_000,
    /** A connected host is told again if the time has changed by more than this part. */
    returnRetoldPart: 0.25,
    /** Backoff of a node that was refused; stays below the duration of a lease. */
    refusedDelayMsMin: 1_000,
    refusedDelayMsMax: 30_000,
    messageBytesMax: 1_048_576,
    /** Messages accepted from one connection: many times what an agent sends that moves sixteen stacks at once. */
    messagesPerS: 100,
    /** Token bucket of the rate above: after a cut all owed results arrive at once. */
    messagesBurst: 1_000,
    /** Commands of one host whose progress is forwarded, and lanes of one migration whose progress is kept. */
    progressCommandsMax: 1_000,
    progressLanesMax: 1_000,
    /**
     * Size of one migration's row from which an answer is refused as too long; D1 takes 2 MB. Answers shorter than
     * `answerBytesAlways` are always taken, so that an undo has room.
     */
    migrationBytesMax: 700_000,
    answerBytesAlways: 32_768,
    /** Containers, or things that remain, listed in one notice, and characters of what it says of each of the latter. */
    namesToldMax: 100,
    toldCharsMax: 200,
    inventoryIntervalMs: 10_000,
    /**
     * An agent sends an unchanged inventory this often, and one of every look for `restlessMs` after a command: what it means
     * may have changed with the migration.
     */
    inventoryRepeatMs: 60_000,
    restlessMs: 120_000,
    /** After a command a host counts as at work for so long: the passes of a quiet hold follow each other within five minutes. */
    workMsMax: 330_000,
    /** An inventory that was applied is compared with the database again after this, in case that was restored meanwhile. */
    inventoryReviewMs: 30 * 60_000,
    /**
     * Interval at which a connected node's object checks that it still is: a host without power, or an object that was reset,
     * counts as connected for so long. Each check is one write of the object's own storage.
     */
    presenceCheckMs: 120_000,
    /** A host that has been away for so long is reported as offline: a reboot, an upgrade and a deploy are over by then. */
    absentMs: 10 * 60_000,
    /** Changes of its agent's version that a host can have in the event feed a day: each is a row, and the host says its version. */
    versionChangesPerDayMax: 20,
    /** How much later than a newer write to the same row an older one may arrive, after its object was reset. */
    lateWriteMsMax: 120_000,
    /** Stacks beyond this are dropped from a host's inventory. */
    stacksPerHostMax: 500,
    /**
     * Rows of a host's stacks, including gone ones. The oldest gone ones are deleted first, except those a migration
     * refers to.
     */
    stackRowsPerHostMax: 2_000,
    /** A stack whose summary is longer is dropped: some hundred services take half of it. */
    stackSummaryCharsMax: 65_536,
    /** Messages of one inventory: its object buffers them until the last has arrived. */
    inventoryPiecesMax: 16,
    /** Message types unknown to this release that are logged, each once. */
    ignoredTypesMax: 32,
    /** Bytes of a piece besides its stacks. */
    inventoryPieceMargin: 65_536,
    /** The container's healthcheck fails once its health file is older than a minute. */
    healthFileIntervalMs: 10_000,
    metricsIntervalMs: 60_000,
    /** Of the path in a host's report: what is attached to a connection has room for 2,048 bytes. */
    reportedPathCharsMax: 200,
    /** Lifetime and clock skew of the token an agent signs to connect. */
    agentTokenMsMax: 60_000,
    clockSkewMsMax: 30_000,
    /**
     * A second process with a host's certificate waits this long for a sign of life of the first; without one the first
     * was a stale connection. Two ping intervals and a margin, well within an agent's wait for its welcome.
     */
    contestMsMax: 11_000,
    contestPollMs: 100,
    /** Takeovers of its own live connection within a minute, beyond which the process counts as cloned. */
    takeoversPerMinuteMax: 3,
    /** After a clone was detected: how long the host takes no new work, and how long its view warns. */
    clonedHoldMs: 120_000,
    clonedWarnMs: 24 * 3_600_000,
    clonedNoteMs: 60_000,
    bodyBytesMax: 65_536,
    pageSizeDefault: 50,
    pageSizeMax: 200,
    /** Fits the longest sort key: a stack's name and id. */
    cursorCharsMax: 500,
    /** How often one parameter may be given: more than there are statuses. */
    parameterTimesMax: 20,
    nameLengthMax: 63,
    stackNameLengthMax: 255,
    sseMsMax: 300_000,
    ssePollMs: 500,
    /**
     * An event stream reads the database at each commit that the migration's object tells of, and this often anyway: with 300
     * reads in five minutes far below the thousand that D1 grants one invocation.
     */
    sseReviewMs: 2_000,
    /** Retry backoff of owed work and of migrations that need attention. */
    attentionRetryMsMin: 30_000,
    attentionRetryMsMax: 600_000,
  },
  api: {
    /**
     * Requests per token, with a bucket of one minute. Many times what a UI, its streams and a polling CLI need. Set by
     * RATE_LIMIT_PER_MINUTE.
     */
    tokenRequestsPerMinute: 3_000,
    /** Ten times the size of four sealed keys and a certificate. */
    sealedAuthorityCharsMax: 32_768,
    /** Rejected credentials per client address. */
    badCredentialsPerMinute: 60,
    /**
     * Enrolments, renewals and connects per client address: a fleet behind one NAT reconnects at once after a deploy.
     */
    nodeAttemptsPerMinute: 1_200,
    /** Addresses, and recently validated tokens, that one isolate tracks. */
    rememberedMax: 5_000,
    /** Interval of audit entries about a token over its rate. */
    floodNoteMs: 60_000,
    tokenNameCharsMax: 100,
    tokenSecondsMin: 60,
    tokenSecondsMax: 10 * 365 * 24 * 3_600,
    idempotencyKeyCharsMax: 255,
    /** How long a key replays its first answer. */
    idempotencyKeepMs: 24 * 3_600_000,
    /** Longer than any POST takes: a request without a stored answer by then never gets one. */
    idempotencyInFlightMsMax: 3 * 60_000,
    idempotencyAnswerBytesMax: 524_288,
    auditKeepMs: 400 * 24 * 3_600_000,
    auditRowsMax: 1_000_000,
    /** Entries that one page looks through for a filter without an index: some 10 MB, well under a second. */
    auditScanRowsMax: 20_000,
    /** Entries of one export: a few megabytes, held in memory at once. */
    auditExportRowsMax: 5_000,
    /** Longest request counted: entries have the time of its beginning, and the order of its end. */
    auditSlackMs: 10 * 60_000,
    /** Events that one answer of the feed looks through for its filters. */
    feedScanRowsMax: 10_000,
    /** `wait` of a migration: proxies and clients give up after one or two minutes. */
    waitSMax: 60,
    /** How long its object is held for the next commit, before the database is looked at again. */
    waitPollMs: 2_000,
    /** Rows per deletion, and deletions per cron run. */
    expireRowsMax: 5_000,
    expireRoundsMax: 20,
    urlCharsMax: 2_048,
    /** Two paths of Linux's PATH_MAX, and the sign between them. */
    bindChoiceCharsMax: 8_193,
    /** Bind mounts named in one request; `all` names any number. */
    bindChoicesMax: 100,
    /** Variables for Compose in one request; a file uses a few of its shell's. */
    variablesMax: 50,
    variableNameCharsMax: 128,
    /** Of one variable: mostly a path, so Linux's PATH_MAX. */
    variableCharsMax: 4_096,
    /** All patterns together fit into one argument of a command (128 KiB), escaped as a regular expression. */
    excludePatternsMax: 20,
    excludePatternCharsMax: 256,
    /** `Retry-After` while the database is overloaded: its queue is a few seconds long. */
    retryAfterS: 5,
    /** Minimum interval between writes of a token's `last_used_at`: a token may send hundreds of requests a minute. */
    tokenUseNoteMs: 5 * 60_000,
  },
  observe: {
    /** `/readyz` asks the database or the engine at most this often, however often it is called. */
    readyKeepMs: 5_000,
    /** An engine or a database that takes longer counts as not answering; below the timeout of most probes. */
    readyMsMax: 2_000,
    /** The control plane's metrics are counted at most this often: Prometheus reads every 15 to 60 seconds. */
    metricsKeepMs: 10_000,
    /** Migrations that began within this time are counted by their end. */
    recentMs: 24 * 3_600_000,
    /** Rows counted for one number; a larger count shows as this one. */
    rowsMax: 10_000,
    /** Versions of agents with a count of their own, the most frequent ones; all further ones are `other`. */
    versionsMax: 10,
    versionCharsMax: 32,
    /** Bearer token of a relay's or agent's page that is not on loopback: 128 random bits in hex take 32. */
    tokenCharsMin: 16,
    tokenCharsMax: 512,
    /** A monitoring system and a person with curl. */
    connectionsMax: 16,
    requestMsMax: 5_000,
  },
  retention: {
    /** How long the record of a settled migration is kept, with its receipt, and of an ended drain: RETENTION_DAYS. */
    daysDefault: 365,
    daysMax: 3_650,
    /** The same of its transitions, commands and events. */
    historyMsMax: 90 * 24 * 3_600_000,
    /** Migrations that one run of an hour clears, and of one batch of statements: some thousand rows. */
    migrationsPerRunMax: 500,
    migrationsPerBatchMax: 50,
    /** Other rows of a table that one run deletes. */
    rowsPerRunMax: 1_000,
    /** D1 takes no more. */
    databaseBytesMax: 10_000_000_000,
    /** From this fill level on each run warns. */
    databaseWarnPart: 0.8,
  },
  ui: {
    /** A login lasts this long, or until its token expires. */
    sessionMsMax: 12 * 3_600_000,
    /** Sessions per API token; a further login ends the oldest. */
    sessionsPerTokenMax: 50,
    /** Latest events shown on a migration's page. */
    eventsMax: 200,
    /** For a source that is asked who still comes: the page is shown without it. */
    trafficWaitMsMax: 2_000,
    /** Pages of the API that one page reads for a list that is bounded by itself: tokens, a host's stacks. */
    pagesMax: 10,
    /** Stacks that a host's page lists; the others are a click away. */
    stacksOfHostMax: 50,
    /** Destinations that are offered at once, those with the most room; others are found by their name. */
    destinationsMax: 24,
    addressCharsMax: 2_048,
    /** Migrations that need attention are counted up to this; two digits fit the navigation. */
    attentionMax: 99,
  },
  certificate: {
    hostDaysMax: 14,
    /** Renewed once less than this is left. */
    renewBeforeDays: 7,
    backdateMs: 24 * 3_600_000,
    caYears: 20,
    joinTokenMsMax: 24 * 3_600_000,
    ticketMsMax: 120_000,
    csrBytesMax: 8_192,
  },
  webhook: {
    endpointsMax: 50,
    /** From the first byte of a call to the last byte read of its answer. */
    sendMsMax: 15_000,
    /** A claimed delivery without a report for this long is sent again. */
    claimMs: 60_000,
    /** Bytes of an answer that are read and stored. */
    answerBytesMax: 1_024,
    /** Backoff between tries; about three days in total, then it is a dead letter. */
    retryDelaysMs: [
      5_000,
      5 * 60_000,
      30 * 60_000,
      2 * 3_600_000,
      5 * 3_600_000,
      10 * 3_600_000,
      14 * 3_600_000,
      20 * 3_600_000,
      24 * 3_600_000,
    ],
    /** Each delay is varied by up to this fraction, so that retries don't reach a receiver all at once. */
    retryJitter: 0.1,
    /** Cap of a receiver's `Retry-After`. */
    retryAfterMsMax: 24 * 3_600_000,
    /** Retries due later than two sweeps are left to the sweep; earlier ones wait in the queue. */
    queueDelayMsMax: 10 * 60_000,
    /** Due deliveries that one sweep enqueues, and per call (the platform takes 100). */
    sweepRowsMax: 5_000,
    queueBatchMax: 100,
    /** How long the previous secret signs as well after a rotation. */
    overlapSDefault: 24 * 3_600,
    overlapSMax: 7 * 24 * 3_600,
    /** Delivered ones and dead letters, from their end. */
    keepMs: 30 * 24 * 3_600_000,
  },
} as const;
