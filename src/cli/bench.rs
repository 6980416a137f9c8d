//! `nexnum bench`: a load sent to a server, and what became of it.

use clap::Subcommand;

use super::error::CliError;
use super::print::say;
use super::serve;
use crate::cli::load::{self, BenchError, LoadPlan, OwnServer, Report};
use crate::keys;

/// What `bench` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    load: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Send one kind of request over keep-alive connections and measure the replies
    Http(load::LoadArgs),
}

/// Measures and prints; replies that the load does not expect make it a failure.
pub(super) fn run(args: Args) -> Result<(), CliError> {
    let Kind::Http(args) = args.load;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().map_err(BenchError::from)?;
    let measured = runtime.block_on(async {
        tokio::select! {
            report = measure(&args) => report.map_err(CliError::from),
            () = serve::stop_signal() => Err(CliError::Refused("interrupted".to_owned())),
        }
    });
    // An interrupted generator is not waited for.
    runtime.shutdown_background();
    let report = measured?;
    if args.json {
        say(report.to_json());
    } else {
        say(&report);
    }
    verdict(&report)
}

fn verdict(report: &Report) -> Result<(), CliError> {
    let Some(first) = &report.first_error else { return Ok(()) };
    let Report { errors, requests, .. } = report;
    Err(CliError::Refused(format!("{errors} of {requests} requests failed, the first: {first}")))
}

/// Without an address a server is started; it ends with the run, however that ends.
async fn measure(args: &load::LoadArgs) -> Result<Report, BenchError> {
    let plan = LoadPlan {
        load: args.load,
        connections: args.connections,
        seconds: args.seconds,
        run_id: u64::from_le_bytes(keys::random_bytes()?),
    };
    match (&args.url, &args.key) {
        (Some(url), Some(key)) => {
            generate(plan, load::prepare(url, key, plan.load, plan.run_id).await?).await
        }
        (None, _) | (_, None) => {
            let server = OwnServer::start()?;
            generate(plan, load::stock(&server, &plan).await?).await
        }
    }
}

async fn generate(plan: LoadPlan, target: load::LoadTarget) -> Result<Report, BenchError> {
    let generator = tokio::task::spawn_blocking(move || load::run(plan, &target));
    generator.await.expect("the generator does not panic")
}
