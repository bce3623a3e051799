// Settings of the installation → what a router's health checks tolerate. Pure.
import type { HealthCheckSettings } from '@isthmus/contract';
import { checkNames, type RouterCheckSetting } from './health-settings.ts';

const minuteMs = 60_000;
const mebibyte = 1024 * 1024;
const mostExcluded = 64;
/** A timer of Node takes no more. */
const longestMs = 2_147_483_647;

function within(value: number, max: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), max) : 0;
}

/** `settingOf` reads a setting by the last part of its name, with its default. */
export function compileHealthChecks(settingOf: (name: RouterCheckSetting) => string): HealthCheckSettings {
  const percent = (name: RouterCheckSetting) => within(Number(settingOf(name)), 100);
  const interval = (name: RouterCheckSetting) => Math.round(within(Number(settingOf(name)) * minuteMs, longestMs));
  return {
    enabled: settingOf('enabled').toLowerCase() === 'true',
    basicIntervalMs: interval('basic.interval'),
    advancedIntervalMs: interval('advanced.interval'),
    excluded: checkNames(settingOf('to.exclude')).slice(0, mostExcluded),
    freeDiskBytes: Math.round(within(Number(settingOf('free.disk.space.threshold')), 1e9) * mebibyte),
    maxCpuPercent: percent('max.cpu.usage.threshold'),
    maxMemoryPercent: percent('max.memory.usage.threshold'),
    maxConntrackPercent: percent('max.conntrack.usage.threshold'),
  };
}
