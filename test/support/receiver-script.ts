/** Between a test and the receiver outside. */
export const receiverControl = 'control.receiver.example';

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  text?: string;
  /** Hangs up once it has heard all. */
  drop?: boolean;
  /** A body that never ends. */
  endless?: boolean;
}

/** What a receiver answers; 204 without a body unless told otherwise. */
export interface Script {
  /** In turn, over and over. */
  replies?: Reply[];
  /** 500 to each body that has one of these in it. */
  refused?: string[];
}

export interface Heard {
  headers: Record<string, string>;
  body: string;
  reply: Reply;
}
