// Secrets that Fourstep rotates, one stack for each kind. What varies is context:
//
//   npm ci && npm run build
//   npx cdk deploy Database -c host=db.example.com -c strategy=alternating-users -c administrator=arn:aws:…
//   npx cdk deploy SshFleet
//   npx cdk deploy ApiKey -c provider=gitlab
import * as fs from "node:fs";
import * as path from "node:path";
import { App, Duration, RemovalPolicy, Stack, Tags } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import * as ssm from "aws-cdk-lib/aws-ssm";
import { Construct } from "constructs";
import { RotationFunction } from "./rotation-function";

/** The password of a database account. */
class Database extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const engine = chosen(this, "engine", "postgres", ["postgres", "mysql", "mariadb"]);
    // auto: dual-password where the server and the account's rights allow it, else single-user.
    const strategies = ["auto", "single-user", "dual-password", "alternating-users"];
    const strategy = chosen(this, "strategy", "auto", strategies);
    const administrator: string | undefined = this.node.tryGetContext("administrator");
    if (strategy === "alternating-users" && !administrator) {
      throw new Error("alternating-users needs the ARN of an administrator's secret, who makes the clone: -c administrator=…");
    }
    const secret = new secretsmanager.Secret(this, "Secret", {
      description: "An account of a database",
      removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: {
        secretStringTemplate: this.toJsonString({
          engine,
          host: this.node.tryGetContext("host") ?? "db.example.com",
          username: this.node.tryGetContext("username") ?? "app",
          masterarn: administrator,
        }),
        generateStringKey: "password",
        passwordLength: 32,
        excludeCharacters: "/@\"'\\:",
      },
    });
    Tags.of(secret).add("fourstep:strategy", strategy);
    const vpcId: string | undefined = this.node.tryGetContext("vpc");
    const rotation = new RotationFunction(this, "Rotation", {
      name: engine === "postgres" ? "rotate-postgres" : "rotate-mysql",
      timeout: Duration.seconds(60),
      administrators: administrator ? [administrator] : [],
      // Its subnets are looked up in the account.
      vpc: vpcId ? ec2.Vpc.fromLookup(this, "Vpc", { vpcId }) : undefined,
    });
    // The account gets this password first. Then: aws secretsmanager rotate-secret --secret-id …
    rotation.rotates(secret, "rate(30 days)");
  }
}

/** The SSH key of a user on all hosts with a tag, installed by Systems Manager. */
class SshFleet extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const user: string = this.node.tryGetContext("user") ?? "deploy";
    const tag = { name: "RotateSSHKeys", value: "True" };
    const secret = new secretsmanager.CfnSecret(this, "Secret", {
      description: "The SSH key of a user on a fleet of hosts",
      // Both are empty at first: the first rotation makes the key.
      secretString: this.toJsonString({ PublicKey: "", PrivateKey: "" }),
    });
    secret.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const document = new ssm.CfnDocument(this, "Document", {
      documentType: "Command",
      updateMethod: "NewVersion",
      content: documentFor(this, user),
    });
    const sent = this.formatArn({ service: "ssm", resource: "document", resourceName: document.ref });
    const hosts = [
      this.formatArn({ service: "ec2", resource: "instance", resourceName: "*" }),
      this.formatArn({ service: "ssm", resource: "managed-instance", resourceName: "*" }),
    ];
    const rotation = new RotationFunction(this, "Rotation", {
      name: "rotate-ssh",
      timeout: Duration.seconds(300),
      environment: { USERNAME: user, TAGNAME: tag.name, TAGVALUE: tag.value, SSM_DOCUMENT: document.ref },
      statements: [
        new iam.PolicyStatement({ actions: ["ssm:SendCommand"], resources: [sent] }),
        new iam.PolicyStatement({
          actions: ["ssm:SendCommand"],
          resources: hosts,
          conditions: { StringEquals: { [`ssm:resourceTag/${tag.name}`]: tag.value } },
        }),
        new iam.PolicyStatement({
          actions: ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:ListCommandInvocations", "ssm:ListCommands"],
          resources: ["*"],
        }),
        new iam.PolicyStatement({
          actions: ["ssm:DeleteParameters", "ssm:GetParametersByPath", "ssm:PutParameter"],
          resources: [this.formatArn({ service: "ssm", resource: "parameter", resourceName: "fourstep/known-hosts/*" })],
        }),
      ],
    });
    const named = secretsmanager.Secret.fromSecretCompleteArn(this, "Key", secret.ref);
    rotation.rotates(named, "rate(30 days)", true);
  }
}

/**
 * Gives the content of the template's own document of Systems Manager, for one user and the secrets of this account. It runs
 * the script for `authorized_keys` and nothing else, while whoever may send AWS-RunShellScript is root on the hosts.
 */
function documentFor(stack: Stack, user: string): object {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user)) {
    throw new Error(`user is ${user}, and has to be the name of one Unix user`);
  }
  const text = fs.readFileSync(path.join(__dirname, "../../ssh-document.json"), "utf8");
  return JSON.parse(
    text
      .replaceAll("<<user>>", user)
      .replaceAll("<<user's pattern>>", user.replaceAll(".", "[.]"))
      .replaceAll("<<partition>>", stack.partition)
      .replaceAll("<<account>>", stack.account),
  );
}

/** A token of an HTTP service. Put the first one in before the first rotation. */
class ApiKey extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const provider: string = this.node.tryGetContext("provider") ?? "gitlab";
    const secret = new secretsmanager.Secret(this, "Secret", {
      description: `A token of ${provider}`,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Tags.of(secret).add("fourstep:provider", provider);
    const rotation = new RotationFunction(this, "Rotation", {
      name: "rotate-api-key",
      timeout: Duration.seconds(120),
      environment: { API_PROVIDER: provider },
    });
    rotation.rotates(secret, "rate(30 days)");
  }
}

/** Gives a value of the context, which is one of few. */
function chosen(stack: Stack, name: string, otherwise: string, values: string[]): string {
  const value: string = stack.node.tryGetContext(name) ?? otherwise;
  if (!values.includes(value)) {
    throw new Error(`${name} is ${value}, and has to be one of ${values.join(", ")}`);
  }
  return value;
}

const app = new App();
new Database(app, "Database");
new SshFleet(app, "SshFleet");
new ApiKey(app, "ApiKey");
