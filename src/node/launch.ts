/** What a launcher of parallel programs tells each process that it starts. */
export interface Launch {
  readonly launcher: string;
  /** The number of processes. */
  readonly size: number;
  readonly rank: number;
  /** The number of this process among those on its host, and how many these are. */
  readonly localRank: number;
  readonly localSize: number;
}

/** The variables that launchers set. An earlier row has precedence, because mpirun can itself run in a job of another launcher. */
const LAUNCHERS = [
  {
    launcher: 'mpirun of Open MPI',
    size: 'OMPI_COMM_WORLD_SIZE',
    rank: 'OMPI_COMM_WORLD_RANK',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  // Without --mpi=pmix, srun starts processes that know nothing of each other.
  {
    launcher: 'srun',
    size: 'SLURM_STEP_NUM_TASKS',
    rank: 'SLURM_PROCID',
    localRank: 'SLURM_LOCALID',
    localSize: 'SLURM_STEP_TASKS_PER_NODE',
    needs: 'PMIX_RANK',
  },
  {
    launcher: 'mpiexec of MPICH',
    size: 'PMI_SIZE',
    rank: 'PMI_RANK',
    localRank: 'MPI_LOCALRANKID',
    localSize: 'MPI_LOCALNRANKS',
  },
] as const;

/** How this process was started, if a launcher has started several. */
export function launchOf(env: Readonly<Record<string, string | undefined>>): Launch | undefined {
  // SLURM writes "4(x2)" for four tasks on each of two hosts.
  const number = (name: string) => Number.parseInt(env[name] ?? '', 10) || 0;
  for (const { launcher, size, rank, localRank, localSize, ...rest } of LAUNCHERS) {
    if (number(size) < 2 || ('needs' in rest && env[rest.needs] === undefined)) continue;
    const local = { localRank: number(localRank), localSize: Math.max(1, number(localSize)) };
    return { launcher, size: number(size), rank: number(rank), ...local };
  }
  return undefined;
}
