// A console proxy: WebSocket in, RFB or the bytes of a serial port out.
export {};
