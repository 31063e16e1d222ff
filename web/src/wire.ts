/** What lies between the page and its session: a socket for messages, and requests for files. */

/** The part of a WebSocket that is used. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent<string>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Wire {
  open(): Socket;
  /** Asks for something of the session called `token`; what it says otherwise is a line for people. */
  fetch(token: string | null, name: string, init?: RequestInit): Promise<Response>;
}

/** The server that gave us this page. */
export const server: Wire = {
  open() {
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    return new WebSocket(address);
  },
  fetch: (token, name, init) => fetch(`session/${token}/${name}`, init),
};
