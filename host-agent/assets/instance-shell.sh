#!/bin/bash
# The shell of an instance in a namespace, on a terminal of its own. Started as root in the instance's network namespace and
# in a mount namespace of its own, `instance-shell port USER` listens on the Unix socket ISTHMUS_SHELL/socket for one
# connection, as USER; socat calls `instance-shell sandbox` for it. USER may write in ISTHMUS_SHELL.
set -eu

port() {
  user=$1
  # Who pings needs no privilege for it.
  busybox sysctl -qw "net.ipv4.ping_group_range=$user $user"
  # What is written there is not executed, and counted: no memory of the host goes by millions of empty files.
  busybox mount -t tmpfs \
    -o "nosuid,nodev,noexec,size=16m,nr_inodes=1024,mode=700,uid=$user,gid=$user" tmpfs "$ISTHMUS_SHELL/home"
  # Of all processes these are ended first where memory is short.
  exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    choom -n 1000 -- \
    socat "UNIX-LISTEN:$ISTHMUS_SHELL/socket,mode=600,accept-timeout=60" \
    "EXEC:$0 sandbox,pty,setsid,ctty,stderr,sighup"
}

# The shell sees a root that nobody writes to, with busybox alone, and none of the host's processes, users and files.
sandbox() {
  stty rows 24 cols 80
  # What socat and whoever started it hold open is not the shell's; bash closes 255, this very file, by itself.
  for path in /proc/self/fd/*; do
    fd=${path##*/}
    if [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ]; then eval "exec $fd>&-"; fi
  done
  hidden=()
  for path in /proc/{cmdline,kallsyms,keys}; do
    [ ! -e "$path" ] || hidden+=(--ro-bind /dev/null "$path")
  done
  exec env -i PATH=/usr/bin:/bin nice -n 5 prlimit --nproc=32 --as=67108864 --nofile=64 --fsize=16777216 --core=0 --memlock=0 --msgqueue=0 --sigpending=64 -- \
    bwrap --die-with-parent --unshare-user --disable-userns --uid 1000 --gid 1000 \
    --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup --hostname "$ISTHMUS_HOSTNAME" \
    --ro-bind "$ISTHMUS_ROOT" / --proc /proc --dev /dev --remount-ro /dev \
    "${hidden[@]}" \
    --ro-bind "$ISTHMUS_NAMES" /etc/network --bind "$ISTHMUS_SHELL/home" /home \
    --clearenv --setenv PATH /bin --setenv HOME /home --setenv TERM linux --setenv USER guest --setenv ENV /etc/shell \
    --chdir /home -- /bin/sh -i
}

"$@"
