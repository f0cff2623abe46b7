/* The kernel side, as one program object. */
#include "state.bpf.h"
#include "copy.bpf.h"
#include "socket.bpf.h"
#include "call.bpf.h"
#include "connection.bpf.h"
#include "notice.bpf.h"
#include "secret.bpf.h"
#include "process.bpf.h"
#include "file.bpf.h"
#include "scan.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
