// A console proxy: WebSocket in, RFB or the bytes of a serial port out.
export * from './console-proxy.ts';
export * from './session/ports.ts';
