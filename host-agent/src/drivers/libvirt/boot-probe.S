# The boot sector of boot-probe.ts: enters long mode and waits for twenty ticks of a timer, as any kernel does; then it
# answers on the port of QEMU's isa-debug-exit device. boot-probe.test.ts assembles it and compares.
.code16
start:
  cli
  xor %ax,%ax
  mov %ax,%ds
  mov %ax,%es
  mov %ax,%ss
  mov $0x7c00,%sp
  # page tables: PML4 at 0x1000, PDPT at 0x2000, one page of 1 GiB is not everywhere: PD at 0x3000 with 2 MiB pages
  mov $0x1000,%edi
  mov $0x3000/4,%ecx
  xor %eax,%eax
  cld
  rep stosl
  movw $0x2003,0x1000
  movw $0x3003,0x2000
  movw $0x0083,0x3000
  # CR4.PAE
  mov $0x20,%eax
  mov %eax,%cr4
  mov $0x1000,%eax
  mov %eax,%cr3
  mov $0xc0000080,%ecx
  rdmsr
  or $0x100,%eax
  wrmsr
  mov %cr0,%eax
  or $0x80000001,%eax
  lgdt gdtr
  mov %eax,%cr0
  ljmp $8,$long
.code64
long:
  mov $16,%eax
  mov %eax,%ds
  mov %eax,%es
  mov %eax,%ss
  mov $0x7c00,%esp
  # PIC: IRQ 0 at vector 0x20, all others masked
  mov $0x11,%al
  out %al,$0x20
  mov $0x20,%al
  out %al,$0x21
  mov $0x04,%al
  out %al,$0x21
  mov $0x01,%al
  out %al,$0x21
  mov $0xfe,%al
  out %al,$0x21
  # PIT channel 0, mode 2, about 1000 Hz
  mov $0x34,%al
  out %al,$0x43
  mov $0xa9,%al
  out %al,$0x40
  mov $0x04,%al
  out %al,$0x40
  # gate of vector 0x20 in the IDT at 0x5000
  mov $0x5200,%edi
  mov $tick,%eax
  stosw
  mov $0x8e000008,%eax
  stosl
  xor %eax,%eax
  stosw
  stosq
  lidt idtr
  xor %ebx,%ebx
  sti
wait:
  hlt
  cmp $20,%ebx
  jb wait
  mov $0x10,%al
  out %al,$0xf4
stop:
  hlt
  jmp stop
tick:
  push %rax
  inc %ebx
  mov $0x20,%al
  out %al,$0x20
  pop %rax
  iretq
.align 8
gdt:
  .quad 0
  .quad 0x00209a0000000000
  .quad 0x0000920000000000
gdtr:
  .word 23
  .long gdt
idtr:
  .word 0x20f
  .quad 0x5000
.org 510
.word 0xaa55
