import type dgram from 'node:dgram';
import type { Log } from '../../node/log.ts';
import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { bindDatagrams } from './datagram-sockets.ts';
import { type Arrival, Flow, type FlowIdleMsMax } from './flow.ts';
import type { ConnectOn } from './holder.ts';
import { plainAddress, portName } from './published-port.ts';
import { createTraffic, type Traffic } from './traffic.ts';

export interface DatagramBounds {
  flowsMax: number;
  flowIdleMsMax: FlowIdleMsMax;
  datagramRetryMs: number;
}

/**
 * The UDP ports of a stack that left this host: its clients are passed on to the target. This listens at the published ports
 * themselves, which are free while the stack is stopped. Nothing is held: clients of UDP repeat what is lost.
 */
export class Datagrams {
  readonly #connect: ConnectOn;
  readonly #log: Log;
  readonly #ports: ForwardedPort[];
  readonly #bounds: DatagramBounds;
  readonly #traffic: Traffic;
  readonly #sockets = new Set<dgram.Socket>();
  /** By the socket, the client's address and its port. */
  readonly #flows = new Map<string, Flow>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #isOver = false;
  /** Of several failures in a row only the first is logged. */
  #isFailing = false;

  /** Never throws: a port that another program has is tried again, until `close`. */
  constructor(ports: ForwardedPort[], connect: ConnectOn, log: Log, bounds: Partial<DatagramBounds> = {}) {
    this.#bounds = { ...limits.forward, ...bounds };
    this.#ports = ports;
    this.#connect = connect;
    this.#log = log;
    this.#traffic = createTraffic(ports.map(portName));
    for (const port of ports) void this.#open(port);
  }

  /** Frees the ports at once: the stack may be about to start here. */
  close(): void {
    this.#isOver = true;
    for (const retry of this.#retries) clearTimeout(retry);
    for (const flow of this.#flows.values()) flow.end();
    for (const socket of this.#sockets) socket.close();
    this.#flows.clear();
    this.#sockets.clear();
  }

  traffic(): Pick<TrafficReport, 'ports' | 'sources' | 'spliced'> {
    return { ...this.#traffic.report(), spliced: this.#flows.size };
  }

  async #open(published: ForwardedPort, tries = 1): Promise<void> {
    try {
      for (const socket of await bindDatagrams(published, this.#ports.length)) this.#listen(published, socket);
    } catch (error) {
      if (this.#isOver) return;
      if (tries === 1) this.#log.error(`datagrams to ${portName(published)} are not passed on yet`, { error });
      const retry = setTimeout(() => {
        this.#retries.delete(retry);
        void this.#open(published, tries + 1);
      }, this.#bounds.datagramRetryMs);
      this.#retries.add(retry);
    }
  }

  #listen(published: ForwardedPort, socket: dgram.Socket): void {
    if (this.#isOver) return void socket.close();
    this.#sockets.add(socket);
    const place = `${portName(published)} ${socket.address().address}`;
    // Each concerns one datagram.
    socket.on('error', () => {});
    socket.on('message', (datagram, client) => {
      const key = `${place} ${client.address} ${client.port}`;
      const flow = this.#flows.get(key) ?? this.#begin(key, { published, socket, client });
      flow?.take(datagram);
    });
  }

  /** Null if there are too many clients: those that are known go on. */
  #begin(key: string, arrival: Arrival): Flow | null {
    if (this.#flows.size >= this.#bounds.flowsMax) return null;
    const name = portName(arrival.published);
    this.#traffic.record(name, plainAddress(arrival.client.address));
    const flow = new Flow(arrival, this.#connect, this.#bounds.flowIdleMsMax, (error) => {
      this.#flows.delete(key);
      if (error && !this.#isFailing) this.#log.warn(`datagrams to ${name} could not be passed on`, { error });
      this.#isFailing = error !== undefined;
    });
    this.#flows.set(key, flow);
    return flow;
  }
}
