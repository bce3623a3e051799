// What this page uses of noVNC, which comes without types (its docs/API.md).
declare module '@novnc/novnc' {
  import type { ByteChannel } from './channel.ts';

  interface RfbEvents {
    connect: CustomEvent<Record<string, never>>;
    disconnect: CustomEvent<{ readonly clean: boolean }>;
    securityfailure: CustomEvent<{ readonly status: number; readonly reason?: string }>;
    credentialsrequired: CustomEvent<{ readonly types: readonly string[] }>;
    clipboard: CustomEvent<{ readonly text: string }>;
    bell: CustomEvent<Record<string, never>>;
    desktopname: CustomEvent<{ readonly name: string }>;
  }

  export default class RFB {
    constructor(target: HTMLElement, channel: ByteChannel, options?: { readonly shared?: boolean });
    viewOnly: boolean;
    focusOnClick: boolean;
    clipViewport: boolean;
    dragViewport: boolean;
    scaleViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    background: string;
    readonly clippingViewport: boolean;
    disconnect(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
    focus(options?: FocusOptions): void;
    blur(): void;
    clipboardPasteFrom(text: string): void;
    addEventListener<Name extends keyof RfbEvents>(name: Name, listener: (event: RfbEvents[Name]) => void): void;
  }
}
