// What each key of a guest's keyboard gives, by layout: X11's symbols (xkb-data), which Linux's and Windows' agree with for
// what people paste. Compared with xkb-data's own in test/browser/layouts.test.ts.

/** A keyboard layout. Each level is one character a key, in the order of `keyCodes`; a space where the key gives none. */
export interface Layout {
  readonly id: string;
  readonly name: string;
  /** Alone, with Shift, with AltGr, with both. A combining character stands for the dead key that makes it. */
  readonly levels: readonly [string, string, string, string];
}

/** KeyboardEvent.code of the keys that give characters, the space bar aside. */
export const keyCodes: readonly string[] = (
  'Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal IntlYen KeyQ ' +
  'KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight KeyA KeyS KeyD KeyF KeyG KeyH KeyJ ' +
  'KeyK KeyL Semicolon Quote Backslash IntlBackslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ' +
  'IntlRo'
).split(' ');

/** Every layout that can be chosen. */
export const layouts: readonly Layout[] = [
  {
    id: 'us',
    name: 'English (US)',
    levels: [
      "`1234567890-= qwertyuiop[]asdfghjkl;'\\<zxcvbnm,./ ",
      '~!@#$%^&*()_+ QWERTYUIOP{}ASDFGHJKL:"|>ZXCVBNM<>? ',
      '                                      |           ',
      '                                      ¦           ',
    ],
  },
  {
    id: 'gb',
    name: 'English (UK)',
    levels: [
      "`1234567890-= qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./ ",
      '¬!"£$%^&*()_+ QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>? ',
      '|¹²³€½¾{[]}\\\u0327 @ſe¶ŧ←↓→øþ\u0308\u0303æßðđŋħ ĸł\u0301\u0302\u0300|«»¢„“”µ•·  ',
      '|¡⅛£¼⅜⅝⅞™±°¿\u0328 Ω§E®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ &Ł\u030b\u030c\u0306¦<>©‚‘’º×÷\u0307 ',
    ],
  },
  {
    id: 'de',
    name: 'German',
    levels: [
      '\u03021234567890ß\u0301 qwertzuiopü+asdfghjklöä#<yxcvbnm,.- ',
      '°!"§$%&/()=?\u0300 QWERTZUIOPÜ*ASDFGHJKLÖÄ\'>YXCVBNM;:_ ',
      '′¹²³¼½¬{[]}\\\u0327 @ſ€¶ŧ←↓→øþ\u0308~æſðđŋħ ĸł\u030b\u0302’|»«¢„“”µ·…– ',
      '″¡⅛£¤⅜⅝⅞™±°¿\u0328 Ω§€®Ŧ¥↑ıØÞ\u030a¯ÆẞÐªŊĦ\u0307&Ł \u030c\u0306 ›‹©‚‘’º×÷— ',
    ],
  },
  {
    id: 'ch',
    name: 'German (Switzerland)',
    levels: [
      "§1234567890'\u0302 qwertzuiopü\u0308asdfghjklöä$<yxcvbnm,.- ",
      '°+"*ç%&/()=?\u0300 QWERTZUIOPè!ASDFGHJKLéà£>YXCVBNM;:_ ',
      '¬|@#¼½¬|¢]}\u0301\u0303 @ſ€¶ŧ←↓→œþ[]æßðđŋħ ĸł\u0301{}\\«»¢„“”µ•·  ',
      '¬¡⅛£$⅜⅝⅞™±°¿\u0328 Ω§E®Ŧ¥↑ıŒÞ\u030a\u0304ÆẞÐªŊĦ &Ł\u030b\u030c\u0306¦<>©‚‘’º×÷\u0307 ',
    ],
  },
  {
    id: 'fr',
    name: 'French',
    levels: [
      '²&é"\'(-è_çà)= azertyuiop\u0302$qsdfghjklmù*<wxcvbn,;:! ',
      '~1234567890°+ AZERTYUIOP\u0308£QSDFGHJKLM%µ>WXCVBN?./§ ',
      '¬¹~#{[|`\\^@]} æ«€¶ŧ←↓→øþ\u0308¤@ßðđŋħ ĸłµ\u0302\u0300|ł»¢„“”\u0301•·  ',
      '¬¡⅛£$⅜⅝⅞™±°¿\u0328 Æ<¢®Ŧ¥↑ıØÞ\u030a\u0304ΩẞÐªŊĦ &Łº\u030c\u0306¦Ł>©‚‘’\u030b×÷\u0307 ',
    ],
  },
  {
    id: 'be',
    name: 'Belgian',
    levels: [
      '²&é"\'(§è!çà)- azertyuiop\u0302$qsdfghjklmùµ<wxcvbn,;:= ',
      '³1234567890°_ AZERTYUIOP\u0308*QSDFGHJKLM%£>WXCVBN?./+ ',
      '¬|@#¼½^{[{}\\\u0327 @ſ€¶ŧ←↓→œþ[]æßðđŋħ ĸł\u0301\u0301\u0300\\«»¢„“”\u0327•·\u0303 ',
      '¬¡⅛£$⅜⅝⅞™±°¿\u0328 Ω§¢®Ŧ¥↑ıŒÞ\u030a\u0304ÆẞÐªŊĦ &Ł\u030b\u030c\u0306\\<>©‚‘’º×÷\u0307 ',
    ],
  },
  {
    id: 'es',
    name: 'Spanish',
    levels: [
      "º1234567890'¡ qwertyuiop\u0300+asdfghjklñ\u0301ç<zxcvbnm,.- ",
      'ª!"·$%&/()=?¿ QWERTYUIOP\u0302*ASDFGHJKLÑ\u0308Ç>ZXCVBNM;:_ ',
      '\\|@#~½¬{[]}\\\u0327 @ſ€¶ŧ←↓→øþ[]æßðđŋħ ĸł\u0303{}|«»¢„“”µ•·  ',
      '\\¡⅛£$⅜⅝⅞™±°¿\u0328 Ω§¢®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ &Ł\u030b\u030c\u0306¦<>©‚‘’º×÷\u0307 ',
    ],
  },
  {
    id: 'it',
    name: 'Italian',
    levels: [
      "\\1234567890'ì qwertyuiopè+asdfghjklòàù<zxcvbnm,.- ",
      '|!"£$%&/()=?^ QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_ ',
      '¬¹²³¼½¬{[]}`~ @ſ€¶ŧ←↓→øþ[]æßðđŋħ ĸł@#\u0300««»¢“”ñµ\u0301·\u0304 ',
      '¦¡\u030b\u0303⅛⅜⅝⅞™±\u0328¿\u0302 Ω§¢®Ŧ¥↑ıØÞ{}ÆẞÐªŊĦ &Ł\u0327\u030a\u0306»<>©‘’Ñº×\u0308÷ ',
    ],
  },
  {
    id: 'pt',
    name: 'Portuguese',
    levels: [
      "\\1234567890'« qwertyuiop+\u0301asdfghjklçº\u0303<zxcvbnm,.- ",
      '|!"#$%&/()=?» QWERTYUIOP*\u0300ASDFGHJKLÇª\u0302>ZXCVBNM;:_ ',
      '¬¹@£§½¬{[]}\\\u0327 @ſ€¶ŧ←↓→øþ\u0308\u0303æßðđŋħ ĸł\u0301\u0302\u0300\\«»¢„“”µ•·  ',
      '¬¡⅛£$⅜⅝⅞™±°¿\u0328 Ω§¢®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ &Ł\u030b\u030c\u0306\\<>©‚‘’º×÷\u0307 ',
    ],
  },
  {
    id: 'br',
    name: 'Portuguese (Brazil)',
    levels: [
      "'1234567890-= qwertyuiop\u0301[asdfghjklç\u0303]\\zxcvbnm,.;/",
      '"!@#$%\u0308&*()_+ QWERTYUIOP\u0300{ASDFGHJKLÇ\u0302}|ZXCVBNM<>:?',
      '¬¹²³£¢¬{[]}\\§ /?°®ŧ←↓→øþ´ªæßðđŋħ ĸł\u0301~º\u030c«»©„“”µ•· °',
      '¬¡½¾¼⅜¨⅞™±°¿\u0328 /?°®Ŧ¥↑ıØÞ`\u0304ÆẞÐªŊĦ &Ł\u030b^º\u0306<>©‚‘’µ×÷\u0307¿',
    ],
  },
  {
    id: 'se',
    name: 'Swedish',
    levels: [
      "§1234567890+\u0301 qwertyuiopå\u0308asdfghjklöä'<zxcvbnm,.- ",
      '½!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302ASDFGHJKLÖÄ*>ZXCVBNM;:_ ',
      '¶¡@£$€¥{[]}\\± @ſ€®þ←↓→œþ\u0308\u0303ªßðđŋħ ĸłøæ´|«»©„“”µ\u0327·  ',
      '¾¹²³¼¢⅝÷«»°¿¬ Ω§¢®Þ¥↑ıŒÞ\u030a\u030cºẞÐªŊĦ &ŁØÆ×¦<>©‚‘’º\u0328\u0307\u0307 ',
    ],
  },
  {
    id: 'fi',
    name: 'Finnish',
    levels: [
      "§1234567890+\u0301 qwertyuiopå\u0308asdfghjklöä'<zxcvbnm,.- ",
      '½!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302ASDFGHJKLÖÄ*>ZXCVBNM;:_ ',
      '  @£$‰‚{[]}\\\u0327 qw€rþyuıœ \u030b\u0303əßðfghjĸ øæ\u030c|ʒ×cvbŋµ’ – ',
      ' ¡”»«“„ <>°¿\u0328 QW RÞYU|Œ \u030a\u0304ƏẞÐFGHJ  ØÆ\u0306¦Ʒ·CVBŊ—‘\u0307  ',
    ],
  },
  {
    id: 'no',
    name: 'Norwegian',
    levels: [
      "|1234567890+\\ qwertyuiopå\u0308asdfghjkløæ'<zxcvbnm,.- ",
      '§!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302ASDFGHJKLØÆ*>ZXCVBNM;:_ ',
      '¦¡@£$½¥{[]}±\u0301 @ſ€®þ←↓→œπ\u0308\u0303ªßðđŋħ ĸł\u0301\u0302\u030b½«»©„“”µ\u0327…– ',
      '¶¹²³¼‰⅝÷«»°¿¬ Ω§¢™Þ¥↑ıŒΠ\u030a\u030cºẞÐªŊĦ &Ł\u030b\u030c×¾<>©‚‘’º\u0328·— ',
    ],
  },
  {
    id: 'dk',
    name: 'Danish',
    levels: [
      "½1234567890+\u0301 qwertyuiopå\u0308asdfghjklæø'<zxcvbnm,.- ",
      '§!"#¤%&/()=?\u0300 QWERTYUIOPÅ\u0302ASDFGHJKLÆØ*>ZXCVBNM;:_ ',
      '¾¡@£$½¥{[]}±| @ſ€®þ←↓→œþ\u0308\u0303ªßðđŋħ ĸł\u0301\u0302\u030b\\«»©„“”µ\u0327·  ',
      '¶¹²³¼¢⅝÷«»°¿¦ Ω§¢®Þ¥↑ıŒÞ\u030a\u030cºẞÐªŊĦ &Ł\u030b\u030c×¬<>©‚‘’º\u0328\u0307\u0307 ',
    ],
  },
  {
    id: 'pl',
    name: 'Polish',
    levels: [
      "`1234567890-= qwertyuiop[]asdfghjkl;'\\<zxcvbnm,./ ",
      '~!@#$%^&*()_+ QWERTYUIOP{}ASDFGHJKL:"|>ZXCVBNM<>? ',
      '¬≠²³¢€½§·«»–\u0327 πœę©ß←↓→óþ\u0308\u0303ąśðæŋ’ə…ł\u0301\u0302\u0300|żźć„”ńµ≤≥  ',
      '∨¡¿£¼‰∧≈¾±°—\u0328 ΩŒĘ®™¥↑↔ÓÞ\u030a\u0304ĄŚÐÆŊ•Ə Ł\u030b\u030c\u0306¦ŻŹĆ‘“Ń∞×÷\u0307 ',
    ],
  },
  {
    id: 'jp',
    name: 'Japanese',
    levels: [
      ' 1234567890-^\\qwertyuiop@[asdfghjkl;:]<zxcvbnm,./\\',
      ' !"#$%&\'()~=~|QWERTYUIOP`{ASDFGHJKL+*}>ZXCVBNM<>?_',
      '                                      |           ',
      '                                      ¦           ',
    ],
  },
];
