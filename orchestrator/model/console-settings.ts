// Settings of consoles and console proxies, by CloudStack's names where it has one.

/** A whole number from `min` to `max`. */
function wholeNumber(min: number, max: number) {
  return {
    words: `a whole number from ${min} to ${max}`,
    fits: (value: string) => Number(value) >= min && Number(value) <= max,
  };
}

const origin = {
  words: 'empty, or an origin such as https://console.example.org',
  fits: (value: string) => value === '' || /^https?:\/\/[a-z0-9.\-[\]:]{1,255}$/.test(value),
};

/** Part of `settings`. */
export const consoleSettings = {
  'consoleproxy.session.max': {
    category: 'System',
    defaultValue: '500',
    description: 'Most sessions of one console proxy',
    type: 'Number',
    expected: wholeNumber(1, 50_000),
  },
  'consoleproxy.capacity.standby': {
    category: 'System',
    defaultValue: '10',
    description: 'Sessions that a zone always has room for: another console proxy is started before they are needed',
    type: 'Number',
    expected: wholeNumber(0, 100_000),
  },
  'consoleproxy.launch.max': {
    category: 'System',
    defaultValue: '10',
    description: 'Most console proxies of a zone; 0: none, and no consoles',
    type: 'Number',
    expected: wholeNumber(0, 1000),
  },
  'consoleproxy.idle.wait': {
    category: 'System',
    defaultValue: '600',
    description: 'Seconds without a session after which a console proxy that is not needed is removed',
    type: 'Number',
    expected: wholeNumber(1, 604_800),
  },
  'consoleproxy.sslEnabled': {
    category: 'System',
    defaultValue: 'true',
    description: 'True: console proxies serve by TLS once a certificate was uploaded (uploadCustomCertificate)',
    type: 'Boolean',
  },
  'consoleproxy.url.port': {
    category: 'System',
    defaultValue: '0',
    description: 'TCP port of console proxies; 0: 8443 with TLS, 8080 without',
    type: 'Number',
    expected: wholeNumber(0, 65_535),
  },
  'console.origin': {
    category: 'System',
    defaultValue: '',
    description: 'Origin at which browsers reach the page of consoles; empty: the address where this API listens',
    type: 'String',
    expected: origin,
  },
  'console.allowed.origins': {
    category: 'Secure',
    defaultValue: '',
    description: 'Further origins, separated by commas, whose pages may open and frame consoles',
    type: 'String',
    expected: {
      words: 'origins such as https://cloud.example.org, separated by commas',
      fits: (value: string) => value.split(',').every((one) => origin.fits(one.trim())),
    },
  },
  'novnc.console.sourceip.check.enabled': {
    category: 'Secure',
    defaultValue: 'false',
    description: 'True: a console opens only from the address that asked for it',
    type: 'Boolean',
  },
  'consoleproxy.extra.security.validation.enabled': {
    category: 'Secure',
    defaultValue: 'false',
    description: 'True: createConsoleEndpoint demands a token of the client, to be shown again when the console opens',
    type: 'Boolean',
  },
  'console.ticket.lifetime': {
    category: 'Secure',
    defaultValue: '30',
    description: 'Seconds within which a console has to be opened',
    type: 'Number',
    expected: wholeNumber(1, 30),
  },
  'console.resume.wait': {
    category: 'Secure',
    defaultValue: '60',
    description: 'Seconds within which a page that lost its console proxy may come back to its session; 0: never',
    type: 'Number',
    expected: wholeNumber(0, 3600),
  },
  'console.sessions.per.user': {
    category: 'Secure',
    defaultValue: '20',
    description: 'Most consoles that a user has open at once',
    type: 'Number',
    expected: wholeNumber(1, 10_000),
  },
  'console.sessions.per.vm': {
    category: 'Secure',
    defaultValue: '10',
    description: 'Most viewers of one machine at once',
    type: 'Number',
    expected: wholeNumber(1, 1000),
  },
  'consoleproxy.session.timeout': {
    category: 'Secure',
    defaultValue: '3600',
    description: 'Seconds without a key, a pointer or a paste after which a console ends; 0: never',
    type: 'Number',
    expected: wholeNumber(0, 604_800),
  },
  'console.session.limit': {
    category: 'Secure',
    defaultValue: '43200',
    description: 'Seconds after which a console ends in any case; 0: never',
    type: 'Number',
    expected: wholeNumber(0, 604_800),
  },
} as const;
