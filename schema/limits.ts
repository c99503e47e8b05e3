/** Every bound on a wait, queue, buffer or retry. Units stand last in the name. */
export const limits = {
  control: {
    /** A read-only question to an agent (probe, inspection). */
    requestMsMax: 20_000,
    /** `POST …/migrate` waits this long for the pre-flight before it answers 202 with the migration still in `preflight`. */
    preflightWaitMsMax: 45_000,
    /** Agents ping this often; the platform answers without waking the object. */
    pingIntervalMs: 5_000,
    /** No ping answered for this long: the host is offline, however open its socket looks. */
    hostSilenceMsMax: 15_000,
    /** A running command that reported neither progress nor life for this long is asked about; no answer means "agent lost". */
    commandSilenceMsMax: 20_000,
    /** After the source or target was lost in mid-step, this long is waited for its return before the saga reverts. */
    agentReturnMsMax: 60_000,
    /** As above where both hosts fell silent at once, which looks like the control plane being cut off. */
    allLostMsMax: 15 * 60_000,
    /** While a migration waits for answers, its hosts are asked about them this often. */
    commandCheckMs: 5_000,
    statusMsMax: 4_000,
    /** Transitions that lost against another writer are worked out anew this often. */
    commitTriesMax: 5,
    reconnectDelayMsMin: 250,
    reconnectDelayMsMax: 10_000,
    /** Who was turned away waits longer each time, and less than a lease lasts. */
    refusedDelayMsMin: 1_000,
    refusedDelayMsMax: 30_000,
    messageBytesMax: 1_048_576,
    /** Commands of one host whose progress is passed on at a time. */
    progressCommandsMax: 1_000,
    inventoryIntervalMs: 10_000,
    /** What a host reports beyond it is not listed. */
    stacksPerHostMax: 500,
    /** Messages that one inventory may take: what its object holds until the last has come. */
    inventoryPiecesMax: 16,
    /** Types of messages that a host sends and this release does not know, each logged once. */
    ignoredTypesMax: 32,
    /** What a piece takes beside its stacks. */
    inventoryPieceMargin: 65_536,
    metricsIntervalMs: 10_000,
    /** Lifetime and clock allowance of the token an agent signs to connect. */
    agentTokenMsMax: 60_000,
    clockSkewMsMax: 30_000,
    /**
     * A second process with a host's certificate waits this long for a sign of life of the first; none, and the first
     * was a leftover. Two pings and a bit, and well within the time an agent waits for its welcome.
     */
    contestMsMax: 11_000,
    contestPollMs: 100,
    /** A process that takes its own live connection's place this often within a minute is not one process. */
    takeoversPerMinuteMax: 3,
    /** After a contest the host takes nothing new on for this long; its view warns for this long. */
    clonedHoldMs: 120_000,
    clonedWarnMs: 24 * 3_600_000,
    clonedNoteMs: 60_000,
    bodyBytesMax: 65_536,
    pageSizeDefault: 50,
    pageSizeMax: 200,
    /** Holds the longest sort key there is: a stack's name and id. */
    cursorCharsMax: 500,
    nameLengthMax: 63,
    stackNameLengthMax: 255,
    sseMsMax: 300_000,
    ssePollMs: 500,
    /** What is owed, or needs attention, is tried again so often at first, and ever less often as it grows old. */
    attentionRetryMsMin: 30_000,
    attentionRetryMsMax: 600_000,
  },
  api: {
    /** Requests one token may make; saved up to a minute's worth. Many times what a UI, its streams and a polling CLI need. RATE_LIMIT_PER_MINUTE sets it. */
    tokenRequestsPerMinute: 3_000,
    /** Refused credentials of one client address. */
    badCredentialsPerMinute: 60,
    /** Enrolments, renewals and connects of one client address: a fleet behind one NAT comes back at once after a deploy. */
    nodeAttemptsPerMinute: 1_200,
    /** Addresses, and tokens lately seen good, that one isolate keeps count of. */
    rememberedMax: 5_000,
    /** A token that is flooding is entered in the audit this often. */
    floodNoteMs: 60_000,
    tokenNameCharsMax: 100,
    tokenSecondsMin: 60,
    tokenSecondsMax: 10 * 365 * 24 * 3_600,
    idempotencyKeyCharsMax: 255,
    /** How long a key answers with what it answered first. */
    idempotencyKeepMs: 24 * 3_600_000,
    /** Longer than any POST takes. A request that stored no answer by then never will. */
    idempotencyInFlightMsMax: 3 * 60_000,
    idempotencyAnswerBytesMax: 524_288,
    auditKeepMs: 400 * 24 * 3_600_000,
    auditRowsMax: 1_000_000,
    /** Rows that one deletion takes, and deletions of one cron run. */
    expireRowsMax: 5_000,
    expireRoundsMax: 20,
    urlCharsMax: 2_048,
    /** Asked for where the database is overloaded: its queue is a few seconds long. */
    retryAfterS: 5,
    /** `last_used_at` of a token is written no more often: a token may ask hundreds of times a minute. */
    tokenUseNoteMs: 5 * 60_000,
  },
  ui: {
    /** A login lasts this long, or as long as its token. */
    sessionMsMax: 12 * 3_600_000,
    /** Sessions of one API token; a further login ends the oldest. */
    sessionsPerTokenMax: 50,
    /** Events of a migration that its page shows, the newest. */
    eventsMax: 200,
    /** Pages of a list that a page collects whole: names of hosts. */
    pagesMax: 10,
    addressCharsMax: 2_048,
  },
  step: {
    preflightMsMax: 60_000,
    /** These three count from the last byte that moved, where bytes move: a slow line is no fault. */
    preparingMsMax: 30 * 60_000,
    stoppingMsMax: 10 * 60_000,
    transferringMsMax: 24 * 3_600_000,
    shippingMsMax: 2 * 3_600_000,
    deployingMsMax: 15 * 60_000,
    restoringMsMax: 10 * 60_000,
    cleanupMsMax: 10 * 60_000,
    /** Looking whether what the source kept is whole. */
    checkingRetainedMsMax: 2 * 60_000,
    /** From a terminal state until a person is asked, where its host has not confirmed that the stack runs. */
    armingMsMax: 5 * 60_000,
  },
  health: {
    timeoutSDefault: 180,
    timeoutSMax: 3_600,
    /** Containers without a healthcheck must stay running this long. */
    settleMs: 5_000,
    pollMs: 200,
    /** From the end of a container to its next start while it is verified, doubled each time: the Engine's own, capped lower. */
    restartDelayMsMin: 100,
    restartDelayMsMax: 10_000,
    /** On top of the health timeout: settling and the answer's way. */
    answerMsMax: 30_000,
  },
  undo: {
    /** A failed undo command is tried again after this, this often, before the migration needs attention. */
    retryMs: 5_000,
    triesMax: 5,
  },
  lease: {
    /** The target stops what it started when it could not renew for this long. */
    leaseMs: 45_000,
    renewIntervalMs: 10_000,
    /** How often the target's agent looks at its leases' ends. */
    checkIntervalMs: 500,
    /** Added before the source may start on the strength of an expired lease: stopping takes time and clocks drift. */
    marginMs: 30_000,
    /** A proof of health must be committed this long before its lease ends: the clocks of object and database may differ. */
    commitMarginMs: 2_000,
    /** Proofs that may come too late, each followed by another, before the migration goes back. */
    lateProofsMax: 5,
    /** When a lease lapses, from SIGTERM to SIGKILL, however long a container's own stop timeout is. */
    stopGraceMsMax: 8_000,
    /** The guard acts this long after the end of a lease: the agent, if it lives, was first. */
    guardGraceMs: 5_000,
    guardPollMs: 1_000,
    /** What the guard has stopped it looks at again this often, until an agent is back. */
    guardRecheckMs: 5_000,
    /** From its start until it watches; looked for this often. */
    guardStartPollMs: 20,
    guardStartMsMax: 10_000,
    guardLogBytesMax: 262_144,
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
  relay: {
    /** Sockets open at once, whatever their state; more are refused by the listener. */
    connectionsMax: 2_048,
    /** Of those, before they showed that they belong to the fleet: a quarter, so that sessions keep their room. */
    unauthenticatedMax: 512,
    /** A fleet behind one address comes back at once after a relay's restart, within one handshake's time. */
    unauthenticatedPerAddressMax: 128,
    sessionsMax: 256,
    sessionsPerHostMax: 32,
    /** Admissions that wait for their peer. */
    waitingMax: 512,
    messageBytesMax: 8_192,
    /** Messages one admission connection may send: pings and one join. */
    messagesMax: 8,
    /** The first byte, which tells TLS from a join. */
    firstByteMsMax: 5_000,
    handshakeMsMax: 10_000,
    /** From the end of the handshake, or the last answer, to the next whole message. */
    messageMsMax: 10_000,
    /** How long the first side waits for the second to present its ticket. */
    joinWaitMsMax: 20_000,
    /** From the invitation until both sides have presented their join keys. */
    joinKeyMsMax: 10_000,
    /** A spliced session without a byte in either direction. Agents send ALIVE well within it. */
    idleMsMax: 120_000,
    /** Ids of used tickets that are remembered until they expire; beyond it joins are refused. */
    usedTicketsMax: 100_000,
    /** Relays that a host says it could not reach just now, the latest. */
    unreachableMax: 16,
    /** How long that is remembered, by host and by control plane: longer than two waits for a peer who is elsewhere. */
    unreachableKeepMs: 60_000,
    answerMsMax: 5_000,
    /** What the relay holds of a session in each direction, beyond the kernel's buffers. */
    spliceBufferBytes: 65_536,
  },
  direct: {
    /** From a connection's first byte to the last of its opening. */
    openingMsMax: 5_000,
    /** Ids and a lane's name. */
    sessionBytesMax: 512,
    connectMsMax: 2_000,
    /** How long a source that came straight waits for the target, and a target whose relay failed for the source. */
    goMsMax: 5_000,
    waitingMax: 64,
    connectionsMax: 256,
  },
  stream: {
    /** Payload of one CHUNK, before and after compression. 1 MiB measured as fast as 4 MiB, at a quarter of the memory. */
    chunkBytesMax: 1_048_576,
    /** Every other frame. */
    controlFrameBytesMax: 8_192,
    /** Chunks the source keeps until they are acknowledged, so at most 16 MiB; as much again of compressed ones. */
    windowChunksMax: 16,
    /** Chunks that are not acknowledged, those that shrank to little among them: what a long way takes to stay full. */
    windowFramesMax: 64,
    /** Chunks the target holds between the connection and the unpacker. */
    inboxChunksMax: 8,
    /** What a bound on bytes per second can be: a chunk at the lowest takes 16 s. */
    bandwidthMin: 65_536,
    bandwidthMax: 1_000_000_000_000,
    /** Migrations whose bound an agent knows. */
    throttlesMax: 256,
    /** Chunk memory kept between transfers. */
    spareSlotsMax: 16,
    /** Bytes handed to the socket and not yet flushed. */
    writeAheadBytesMax: 2_097_152,
    connectMsMax: 10_000,
    handshakeMsMax: 15_000,
    /** One dial: ticket, admission with its wait for the peer, join, handshake. */
    dialMsMax: 60_000,
    /** Compressions at once; each takes a thread. */
    compressionsMax: 2,
    /** Where more than this passes nothing is compressed: two threads at the lowest level would be what is waited for. */
    compressBytesPerSMax: 200_000_000,
    /** From this part of the window on the network is waited for: compressing harder may pay. */
    compressWindowPart: 0.5,
    /** The rate is taken over about this long, and whether the unpacker keeps up. */
    rateWindowMs: 500,
    /** HELLO and WELCOME, after the handshake; a target may have to recreate its volume first. */
    helloMsMax: 60_000,
    aliveIntervalMs: 5_000,
    /** No frame for this long: the connection counts as dead. */
    silenceMsMax: 20_000,
    /** Without progress for this long an item fails with `transfer_interrupted`. */
    reconnectMsMax: 120_000,
    /** Or for this part of the time that it took so far, within this: an hour's copy outlives a router's restart. */
    patiencePart: 0.1,
    patienceMsMax: 15 * 60_000,
    /** Time without the control plane, which gives tickets, does not count, up to this: as long as it waits for hosts it lost. */
    controlAwayMsMax: 15 * 60_000,
    reconnectDelayMsMin: 50,
    reconnectDelayMsMax: 5_000,
    /** Times one item may be packed again from its start because the target no longer has what came before. */
    restartsMax: 3,
    /** Violations of the protocol (bad CRC, wrong sequence, giant frame) in one item before it fails. */
    violationsMax: 5,
    /** A last frame (DONE, REJECTED) may take this long to leave. */
    farewellMsMax: 2_000,
    /** How long a target that said VERIFIED stays reachable for a source that did not hear it. */
    verifiedWaitMsMax: 30_000,
    /** Packer and unpacker: from the end of the stream to the exit (or from the exit to the end); syncing counts. */
    packerExitMsMax: 30_000,
    unpackerExitMsMax: 30 * 60_000,
  },
  agent: {
    stopTimeoutSDefault: 30,
    logTailLinesMax: 40,
    logTailBytesMax: 8_192,
    /** Volumes that one migration carries side by side; each holds its own chunks. */
    lanesAtOnceMax: 3,
    progressIntervalMs: 500,
    /** Room kept for journal and ledger on a disk that fills up: some thousand records. */
    diskReserveBytes: 1_048_576,
    journalBytesMax: 16 * 1_048_576,
    /** Acknowledged commands stay known this long, against late repeats. */
    journalKeepMs: 7 * 24 * 3_600_000,
    /** One HTTP call to the control plane (enrolment, renewal). */
    httpMsMax: 15_000,
    /** A first start waits this long for a control plane that does not answer. */
    enrollMsMax: 60_000,
    renewCheckMs: 3_600_000,
    /** TCP, TLS and WebSocket handshake of the control link, welcome included. */
    linkHandshakeMsMax: 15_000,
    /** Bytes waiting in the control link's socket; beyond it, what can be said later is not said. */
    outgoingBytesMax: 4 * 1_048_576,
    /** A ticket or a lease asked for; reconnects in between are waited for. */
    askMsMax: 10_000,
    /** Results that were not acknowledged are sent again this often. */
    resultResendMs: 10_000,
    /** A running command says that it lives. */
    aliveIntervalMs: 5_000,
    commandsMax: 256,
    requestsMax: 64,
    /** Containers that were stopped, or started, are looked at this often, for this long. */
    statePollMs: 250,
    stoppedWaitMsMax: 15_000,
    restoredWaitMsMax: 60_000,
    /** A lapsed lease goes on trying to stop what it started. */
    stopRetryMs: 2_000,
    closeMsMax: 10_000,
    /** Migrations whose log lines are kept in memory for a failure's log tail. */
    logMigrationsMax: 64,
    embedded: {
      /** How often the embedded engine looks at its processes. */
      tickMs: 250,
      probeMsMax: 2_000,
      probeIntervalMs: 500,
      probeRetries: 10,
      restartDelayMs: 1_000,
      /** From the start of a process to the file with its pid. */
      spawnMsMax: 5_000,
      stackFileBytesMax: 262_144,
      unpackEntriesMax: 1_000_000,
      unpackDepthMax: 128,
    },
    /** One `docker compose` call that only reads. */
    composeReadMsMax: 30_000,
    composeWriteMsMax: 10 * 60_000,
    engineRequestMsMax: 60_000,
    engineConnectionsMax: 64,
    /** Calls that wait for a container's end, a stop, a pull or a stream: two for each helper, and the stops of a few large stacks. */
    engineWaitsMax: 512,
    /** Helper containers of one host at once. */
    helpersMax: 128,
    /** The pre-flight's walk through one volume or directory; beyond it the size is unknown. The request itself may take 20 s. */
    surveySecondsMax: 8,
    /** Trees that one helper looks at, with five processes each. */
    surveyTreesMax: 10,
    /** Links that one path may lead through, as in the kernel. */
    pathLinksMax: 40,
    /** Files of one project that Compose reads, by `include` and `extends` in turn; more are refused. */
    includedFilesMax: 100,
    /** A generated file of some hundred services has a tenth of it. */
    composeFileBytesMax: 4 * 1_048_576,
    /** What aliases expand to, for each alias: more is an alias bomb. */
    yamlAliasesMax: 1_000,
    /** Asking a registry about one image; the pre-flight waits for it. */
    registryMsMax: 8_000,
    /** Digests of one image that registries are asked for: more names of it hardly help. */
    registryDigestsMax: 4,
    /** Images of the target that are compared with the one to be sent, for layers in common. */
    imagesComparedMax: 500,
    /** A pull ends when the engine reports nothing for so long: registries stall, lines are slow. */
    pullIdleMsMax: 2 * 60_000,
    /** The last report of a pull, which says how it ended. */
    progressEndCharsMax: 16_384,
    /** How long a pre-flight waits for the helper image; its pull goes on. */
    helperPullWaitMs: 10_000,
    helperPullRetry: { reconnectDelayMsMin: 10_000, reconnectDelayMsMax: 10 * 60_000 },
    /** A manifest, an index or a configuration of an image; registries take no longer ones. Then all of one archive. */
    imageJsonBytesMax: 4 * 1_048_576,
    imageJsonBytesTotal: 64 * 1_048_576,
    engineMessageCharsMax: 500,
    /** A refusal that lists what of a stack's data can't be copied. */
    uncarriedCharsMax: 1_500,
    /** One entry of a manifest: a path, a link's text, the values of a file's attributes. */
    manifestRecordBytesMax: 1_048_576,
    /** Regions between the holes of one file that is read back; sixteen bytes of memory each. */
    sparseRegionsMax: 4_000_000,
    /** Output of one `docker compose` call; a file that expands beyond it (alias bomb) is refused. */
    composeOutputBytesMax: 8 * 1_048_576,
    /** Address space of the client, and of Compose. */
    composeMemoryBytesMax: 4 * 1024 ** 3,
    /** A helper has to start within this; how long it runs is bounded by its step. */
    helperStartMsMax: 30_000,
    /** How often it is looked whether a helper has opened its input. */
    helperOpenedPollMs: 10,
    helperStderrBytesMax: 65_536,
    /**
     * A helper's part of the host's memory, and the least it gets. What it reads and writes counts as its memory while it is
     * cached: with little of it, all that was written is read from the disk again to be proven, while the stack is dark.
     */
    helperMemoryPart: 1 / 4,
    helperMemoryBytesMin: 128 * 1_048_576,
    /** Seven for each of the jobs that one helper may have at once. */
    helperPidsMax: 64,
    /**
     * Helpers of one migration that stay; beyond it each task starts one of its own. Without a task they end after this: no
     * one tells a source that a migration failed before it was stopped.
     */
    residentsMax: 16,
    residentIdleMsMax: 2 * 60_000,
    /** How often the kernel asks for the address of a container that is being started; a second is its own default. */
    neighbourRetryMs: 50,
    /** Ways for bytes into and out of a helper that stays, made at once; half of them are always there. */
    exchangesAhead: 8,
  },
  warm: {
    /** Migrations whose passes an agent remembers; a source is not told that one ended before the stop. */
    migrationsMax: 32,
    /** Passes of one volume over a running stack, and the part by which one must be smaller than the one before. */
    passesMax: 8,
    shrinkMin: 1 / 3,
    /** A pass that carried less than this is small enough to stop for. */
    smallBytes: 4 * 1_048_576,
    /** Files of this size are carried by blocks: of what changed in them only the changed blocks go again. */
    blockFileBytesMin: 4 * 1_048_576,
    /** A database's page. Larger blocks send more around each page that changed, and are hashed only a tenth faster. */
    blockBytes: 8_192,
    /** One read of such a file, how many are under way while one is sent, and the threads of an agent that compare them. */
    readBytes: 1_048_576,
    readsAheadMax: 4,
    threadsMax: 2,
    /** Files beyond this many bytes together are carried whole: the digests of their blocks are kept in memory (64 MiB). */
    blockMapBytesMax: 32 * 1_073_741_824,
    /** What happened this long before a pass's sync is looked at again by the next: file times are coarse. */
    timeMarginS: 2,
    /** A project directory up to this size is sent before the stop, too, and the containers are made from it; a larger one goes by passes. */
    stagedBytesMax: 64 * 1_048_576,
    /** Jobs of one helper at once. */
    jobsMax: 8,
    pathBytesMax: 65_536,
  },
  plan: {
    /** What a transfer through one relay is assumed to carry where nothing was measured yet. */
    assumedBytesPerS: 100 * 1_048_576,
    assumedStopStartS: 10,
    /** Less than this tells little of a link; so many of the newest moves are looked at. */
    measuredBytesMin: 64 * 1_048_576,
    ratesLookedAtMax: 5,
    /** What is left for the dark after a pre-copy: the share that changes, and every byte read again to prove it. */
    assumedChangedShare: 0.02,
    assumedReadBytesPerS: 400 * 1_048_576,
  },
  drain: {
    parallelDefault: 2,
    parallelMax: 16,
    /** Stacks of one drain: all that a host lists. */
    stacksMax: 500,
    /** A drain looks at its migrations this often; their objects nudge it in between. */
    pollMs: 5_000,
    /** Stacks that one plan asks their host about at a time. */
    looksAtOnceMax: 4,
    /** Times that a plan is made anew without the hosts that turned out not to take a stack, beyond one for each host. */
    planRoundsMax: 8,
    /** Hosts that don't answer when a stack's turn comes are waited for this long: a deploy cuts every connection. */
    silenceMsMax: 90_000,
    /** A migration that could not be started is tried again this long. */
    startMsMax: 5 * 60_000,
    /** A migration that needs a person holds its place this long. */
    attentionMsMax: 15 * 60_000,
    messageCharsMax: 500,
  },
  progress: {
    /** The rate is taken over this long, and not before there is this much of it. */
    rateWindowMs: 5_000,
    rateWindowMsMin: 400,
  },
  cli: {
    /** Longer than the pre-flight that `POST …/migrate` waits for, and than an event stream's silence. */
    requestMsMax: 120_000,
    /** A part of the fleet that was started must be online within this. */
    onlineMsMax: 60_000,
    pollMs: 200,
    /** A watched drain is looked at this often. */
    drainPollMs: 1_000,
    /** Time a child has to end after SIGTERM. */
    stopMsMax: 15_000,
    /** A followed migration's stream, or an answer that was lost, is tried again this often, for this long. */
    reconnectMs: 1_000,
    awayMsMax: 120_000,
    /** What a list collects, page by page. */
    listItemsMax: 10_000,
    /** Progress where lines cannot be painted over. */
    plainProgressMs: 5_000,
    /** A completed migration's last duties (restart policies) are waited for this long before the summary is shown. */
    owedMsMax: 15_000,
    /** The answer to a test webhook is waited for this long. */
    deliveryMsMax: 20_000,
    /** Names that completion asks the control plane for. */
    completionMsMax: 2_000,
    tokenCharsMax: 200,
  },
  demo: {
    /** Packages, two engines and their images, all from nothing. */
    setUpMsMax: 20 * 60_000,
  },
  window: {
    safetyWindowHoursDefault: 72,
    safetyWindowHoursMax: 24 * 365,
    /** A purge's call waits this long for its host; the purge goes on, and the call can be repeated. */
    purgeWaitMsMax: 60_000,
    purgePollMs: 200,
  },
  cron: {
    /** Objects that one line of the cron table wakes at a time. */
    atOnceMax: 20,
  },
  webhook: {
    endpointsMax: 50,
    /** From the first byte of a call to the last of its answer that is read. */
    sendMsMax: 15_000,
    /** A claimed delivery that nobody reported on for this long is sent again. */
    claimMs: 60_000,
    /** Of an answer: read, and kept for people. */
    answerBytesMax: 1_024,
    /** From a failed try to the next; about three days in all, then it is a dead letter. */
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
    /** Each of these is made longer or shorter by up to this part, so that receivers are not met by all at once. */
    retryJitter: 0.1,
    /** What a receiver's `Retry-After` can ask for. */
    retryAfterMsMax: 24 * 3_600_000,
    /** Tries further off than two sweeps are left to the sweep; nearer ones wait in the queue. */
    queueDelayMsMax: 10 * 60_000,
    /** Due deliveries that one sweep puts into the queue, and how many at once (the platform takes 100). */
    sweepRowsMax: 5_000,
    queueBatchMax: 100,
    /** How long the secret before signs too. */
    overlapSDefault: 24 * 3_600,
    overlapSMax: 7 * 24 * 3_600,
    /** Delivered ones and dead letters, from their end. */
    keepMs: 30 * 24 * 3_600_000,
  },
} as const;
