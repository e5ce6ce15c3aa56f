//! Small estimators of tables, and a client that sends bytes as they are.

use std::time::Duration;

use perennial_core::{
    Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, Train, Values,
};
use perennial_data::Table;
use perennial_deployment::{Artifact, ArtifactBuilder};
use serde::{Deserialize, Serialize};

/// One weight per column, from one product each: not a good model, but one whose bits depend on the data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Linear;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LinearParts")]
pub(crate) struct LinearModel {
    pub(crate) names: Vec<String>,
    pub(crate) weights: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct LinearParts {
    pub(crate) names: Vec<String>,
    pub(crate) weights: Vec<f64>,
}

impl TryFrom<LinearParts> for LinearModel {
    type Error = Error;

    fn try_from(parts: LinearParts) -> Result<Self> {
        let LinearParts { names, weights } = parts;
        if names.is_empty() || names.len() != weights.len() || weights.iter().any(|w| !w.is_finite()) {
            return Err(Error::corrupt("the weights are not finite numbers, one for each column"));
        }
        Ok(LinearModel { names, weights })
    }
}

/// A first cell that makes the model panic.
pub(crate) const PANIC: f64 = 666.0;
/// A first cell that makes the model sleep for a second.
pub(crate) const SLEEP: f64 = 777.0;

impl LinearModel {
    fn scores(&self, x: &Table) -> Result<Vec<f64>> {
        let mut scores = vec![0.0; x.n_rows()];
        for (name, weight) in self.names.iter().zip(&self.weights) {
            for (score, cell) in scores.iter_mut().zip(x.column(name)?.as_real()?.iter()) {
                *score += if cell.is_nan() { 0.25 } else { weight * cell };
            }
        }
        let first = x.column(&self.names[0])?.as_real()?;
        assert!(!first.contains(&PANIC), "a row made the model panic");
        if first.contains(&SLEEP) {
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(scores)
    }
}

fn weights(x: &Table, y: &[f64]) -> Result<LinearModel> {
    let mut model = LinearModel { names: Vec::new(), weights: Vec::new() };
    for (name, column) in x.columns() {
        let cells = column.as_real()?;
        let known = || cells.iter().zip(y).filter(|(cell, _)| !cell.is_nan());
        let (xy, xx) = known().fold((0.0, 1.0), |(xy, xx), (x, y)| (xy + x * y, xx + x * x));
        model.names.push(name.to_owned());
        model.weights.push(xy / xx);
    }
    Ok(model)
}

impl Estimator for Linear {
    type Input = Table;
    type Target = Values;
    type Model = LinearModel;

    fn fit_on(&self, train: &Train<'_, Table, Values>) -> Result<LinearModel> {
        weights(train.x, train.y.as_slice())
    }
}

impl Predictor for LinearModel {
    type Input = Table;
    type Output = Values;

    fn predict(&self, x: &Table) -> Result<Values> {
        self.scores(x).map(Values::from)
    }
}

/// The same weights, squeezed into a probability.
#[derive(Debug, Clone, Default)]
pub(crate) struct Squeezed;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SqueezedModel(LinearModel);

impl Estimator for Squeezed {
    type Input = Table;
    type Target = Classes;
    type Model = SqueezedModel;

    fn fit_on(&self, train: &Train<'_, Table, Classes>) -> Result<SqueezedModel> {
        let signs: Vec<f64> = train.y.codes().iter().map(|&code| f64::from(code) - 0.5).collect();
        weights(train.x, &signs).map(SqueezedModel)
    }
}

impl Predictor for SqueezedModel {
    type Input = Table;
    type Output = Classes;

    fn predict(&self, x: &Table) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for SqueezedModel {
    fn predict_proba(&self, x: &Table) -> Result<Probabilities> {
        let scores = self.0.scores(x)?;
        let shares: Vec<f64> = scores
            .iter()
            .flat_map(|score| {
                let yes = 1.0 / (1.0 + (-score).exp());
                [1.0 - yes, yes]
            })
            .collect();
        let shares = ndarray::Array2::from_shape_vec((scores.len(), 2), shares).map_err(Error::other)?;
        Probabilities::new(shares, ["no".to_owned(), "yes".to_owned()])
    }
}

#[cfg(feature = "server")]
pub(crate) use shops::{Shops, shops};

/// A model of columns of all types.
#[cfg(feature = "server")]
mod shops {
    use super::*;

    /// Answers 1 for each level of `shop` in the order of the schema, plus the other columns.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Shops;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(crate) struct ShopsModel;

    impl Estimator for Shops {
        type Input = Table;
        type Target = Values;
        type Model = ShopsModel;

        fn fit_on(&self, _: &Train<'_, Table, Values>) -> Result<ShopsModel> {
            Ok(ShopsModel)
        }
    }

    impl Predictor for ShopsModel {
        type Input = Table;
        type Output = Values;

        fn predict(&self, x: &Table) -> Result<Values> {
            let shop = x.column("shop")?.as_category()?;
            let visits: Vec<_> = x.column("visits")?.as_integer()?.collect();
            let open: Vec<_> = x.column("open")?.as_boolean()?.collect();
            let day: Vec<_> = x.column("day")?.as_date()?.collect();
            let at: Vec<_> = x.column("at")?.as_date_time()?.collect();
            let note: Vec<_> = x.column("note")?.as_text()?.map(|note| note.map_or(0, str::len)).collect();
            Ok((0..x.n_rows())
                .map(|row| {
                    f64::from(shop.code(row).unwrap_or(99))
                        + visits[row].unwrap_or(0) as f64 * 10.0
                        + f64::from(open[row].unwrap_or(false)) * 0.5
                        + f64::from(day[row].unwrap_or(0)) * 1000.0
                        + at[row].unwrap_or(0) as f64 / 1e6
                        + note[row] as f64 / 16.0
                })
                .collect())
        }
    }

    pub(crate) fn shops() -> Table {
        Table::builder()
            .category("shop", [Some("north"), Some("east"), None])
            .integer("visits", [1, 2, 3])
            .boolean("open", [true, false, true])
            .date("day", [0, 1, 19_000])
            .date_time("at", [0, 1_500_000, 9])
            .text("note", ["", "ab", "ü"])
            .build()
            .unwrap()
    }
}

/// 40 rows of three real columns, none missing.
pub(crate) fn table() -> Table {
    let column = |step: f64| (0..40).map(move |row| (f64::from(row) * step).sin() * 3.0 + 0.1);
    Table::builder().real("a", column(0.37)).real("b", column(1.11)).real("c", column(2.3)).build().unwrap()
}

pub(crate) fn fitted() -> LinearModel {
    let y: Values = (0..40).map(|row| f64::from(row % 7) / 3.0).collect();
    Linear.fit(&table(), &y).unwrap()
}

pub(crate) fn regressor() -> ArtifactBuilder {
    Artifact::regressor("m", &Linear, &fitted(), &table()).unwrap().target("y")
}

pub(crate) fn fitted_classifier() -> SqueezedModel {
    Squeezed.fit(&table(), &Classes::from_labels((0..40).map(|row| row % 3 == 0))).unwrap()
}

pub(crate) fn classifier() -> ArtifactBuilder {
    Artifact::classifier("k", &Squeezed, &fitted_classifier(), &table()).unwrap()
}

#[cfg(feature = "server")]
pub(crate) mod client {
    use std::io::{Read, Write};
    use std::net::{Shutdown, SocketAddr, TcpStream};
    use std::time::Duration;

    pub(crate) struct Reply {
        pub(crate) status: u16,
        pub(crate) head: String,
        pub(crate) body: String,
    }

    impl Reply {
        pub(crate) fn json(&self) -> serde_json::Value {
            serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
        }

        pub(crate) fn error(&self) -> String {
            self.json()["error"].as_str().unwrap_or_default().to_owned()
        }
    }

    pub(crate) fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// All that comes until the other side closes.
    pub(crate) fn read_all(stream: &mut TcpStream) -> String {
        let (mut all, mut part) = (Vec::new(), [0; 4096]);
        // A reset after the answer is as good as a close.
        while let Ok(n @ 1..) = stream.read(&mut part) {
            all.extend_from_slice(&part[..n]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    pub(crate) fn parse(text: &str) -> Reply {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Sends bytes as they are and reads until the server closes.
    pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Reply {
        let mut stream = connect(address);
        // The server may answer and close before it has read all.
        let _ = stream.write_all(bytes);
        let text = read_all(&mut stream);
        let _ = stream.shutdown(Shutdown::Both);
        parse(&text)
    }

    pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
        raw(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
    }

    pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Reply {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        raw(address, format!("{head}{body}").as_bytes())
    }
}
