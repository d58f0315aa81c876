//! `template.yaml` as it is for certain parameters: every condition is decided, so that tools that cannot do so see what
//! would be made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(crate) struct Resolver<'a> {
    conditions: &'a Value,
    parameters: BTreeMap<&'a str, String>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(template: &'a Value, chosen: &[(&'a str, &str)]) -> Self {
        let defaults = template["Parameters"].as_object().unwrap().iter();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut parameters: BTreeMap<_, _> =
            defaults.map(|(name, parameter)| (name.as_str(), text(&parameter["Default"]))).collect();
        for (name, value) in chosen {
            assert!(parameters.insert(name, (*value).to_owned()).is_some(), "the template has no parameter {name}");
        }
        Self { conditions: &template["Conditions"], parameters }
    }

    /// Returns the resources that are made. What SAM makes a function of Lambda is one already.
    pub(crate) fn resources(&self, template: &Value) -> Value {
        let mut made = Map::new();
        for (id, resource) in template["Resources"].as_object().unwrap() {
            if resource.get("Condition").is_none_or(|name| self.holds(&json!({ "Condition": name }))) {
                let mut resource = self.decided(resource).unwrap();
                if resource["Type"] == "AWS::Serverless::Function" {
                    resource["Type"] = json!("AWS::Lambda::Function");
                }
                made.insert(id.clone(), resource);
            }
        }
        Value::Object(made)
    }

    /// Decides all that stands below. `None`: nothing is to be there.
    fn decided(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                if let Some(branches) = fields.get("Fn::If") {
                    let holds = self.holds(&json!({ "Condition": branches[0] }));
                    return self.decided(&branches[if holds { 1 } else { 2 }]);
                }
                if *value == json!({ "Ref": "AWS::NoValue" }) {
                    return None;
                }
                let fields = fields.iter().filter_map(|(name, value)| Some((name.clone(), self.decided(value)?)));
                Some(Value::Object(fields.collect()))
            }
            Value::Array(items) => Some(items.iter().filter_map(|item| self.decided(item)).collect()),
            other => Some(other.clone()),
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        let (name, value) = condition.as_object().and_then(|of| of.iter().next()).unwrap();
        match name.as_str() {
            "Condition" => self.holds(&self.conditions[value.as_str().unwrap()]),
            "Fn::Not" => !self.holds(&value[0]),
            "Fn::And" => value.as_array().unwrap().iter().all(|part| self.holds(part)),
            "Fn::Or" => value.as_array().unwrap().iter().any(|part| self.holds(part)),
            "Fn::Equals" => self.text(&value[0]) == self.text(&value[1]),
            other => panic!("{other} is no condition that this knows"),
        }
    }

    /// Returns the text that CloudFormation makes of an expression. What only AWS knows stays as it is, as `${AWS::Region}`.
    pub(crate) fn text(&self, value: &Value) -> String {
        let Some((name, value)) = value.as_object().and_then(|of| of.iter().next()) else {
            return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        };
        match (name.as_str(), value) {
            ("Ref", name) => self.parameter(name.as_str().unwrap()),
            ("Fn::If", branches) => {
                let holds = self.holds(&json!({ "Condition": branches[0] }));
                self.text(&branches[if holds { 1 } else { 2 }])
            }
            ("Fn::Select", select) => {
                let index = usize::try_from(select[0].as_u64().unwrap()).unwrap();
                self.list(&select[1]).swap_remove(index)
            }
            ("Fn::Join", join) => self.list(&join[1]).join(join[0].as_str().unwrap()),
            ("Fn::Sub", Value::String(text)) => self.substituted(text, &Map::new()),
            ("Fn::Sub", parts) => self.substituted(parts[0].as_str().unwrap(), parts[1].as_object().unwrap()),
            (other, _) => panic!("{other} is nothing that this knows"),
        }
    }

    /// Returns the list that an expression is. A parameter that is a list has it as a text, with commas.
    fn list(&self, value: &Value) -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.text(item)).collect(),
            _ if value.get("Fn::Split").is_some() => {
                let split = &value["Fn::Split"];
                self.text(&split[1]).split(split[0].as_str().unwrap()).map(str::to_owned).collect()
            }
            _ => self.text(value).split(',').map(str::to_owned).collect(),
        }
    }

    fn substituted(&self, text: &str, own: &Map<String, Value>) -> String {
        let mut parts = text.split("${");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |done, part| {
            let (name, rest) = part.split_once('}').unwrap();
            done + &own.get(name).map_or_else(|| self.parameter(name), |value| self.text(value)) + rest
        })
    }

    fn parameter(&self, name: &str) -> String {
        self.parameters.get(name).cloned().unwrap_or_else(|| format!("${{{name}}}"))
    }
}
