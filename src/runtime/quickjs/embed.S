/* The program as data: PROGRAM and SOURCES name files. Sizes stand in memory, as some CPUs cannot name an odd address. */
	.section .rodata
	.global bytecode, bytecode_size, sources, sources_size
	.balign 16
bytecode_size:
	.4byte 1f - bytecode
	.balign 16
bytecode:
	.incbin PROGRAM
1:	.balign 16
sources_size:
	.4byte 2f - sources
	.balign 16
sources:
	.incbin SOURCES
2:	.section .note.GNU-stack, "", %progbits
