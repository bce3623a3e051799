/** The page's origin in the benchmark of consoles. */
export const benchOrigin = 'https://console.example.org';
